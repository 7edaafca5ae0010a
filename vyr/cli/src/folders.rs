use std::path::Path;

use vyr_sdk::Endpoint;

use crate::{context::Context, error::CliError};

/// Whose folders `--dir` names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Folders {
    /// This machine's.
    Ours,
    /// Those of a machine that is reached by TCP: nothing here knows them.
    TheNodes,
}

impl Folders {
    pub(crate) fn of(context: &Context) -> Result<Self, CliError> {
        Ok(match context.endpoint()? {
            Endpoint::Unix(_) => Self::Ours,
            Endpoint::Http { .. } => Self::TheNodes,
        })
    }

    /// Returns the absolute path of a folder.
    pub(crate) fn find(self, path: &str) -> Result<String, CliError> {
        if self == Self::TheNodes {
            let absolute = Path::new(path).is_absolute();
            return absolute.then(|| path.to_owned()).ok_or_else(|| {
                let why = "--dir names a folder of the node's machine, which is reached by TCP";
                CliError::Usage(format!("`{path}` is not absolute, and {why}: write its whole path there"))
            });
        }
        let found = std::fs::canonicalize(path).map_err(|source| CliError::File {
            what: "open the folder",
            path: path.to_owned(),
            source,
        })?;
        let found = found.into_os_string().into_string();
        found.map_err(|_| CliError::Usage(format!("`{path}` is not UTF-8: rename the folder")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_another_machine_are_not_looked_for_here() {
        assert_eq!(Folders::TheNodes.find("/nowhere/here").unwrap(), "/nowhere/here");
        assert!(matches!(Folders::TheNodes.find("."), Err(CliError::Usage(_))));
        assert!(matches!(Folders::Ours.find("/nowhere/here"), Err(CliError::File { .. })));
    }
}
