use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use super::{OciError, cgroup::Hierarchy};

/// The host's OCI runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) flavor: Flavor,
    /// The first line of `--version`.
    pub(crate) version: String,
}

/// Which program it is, where they differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavor {
    Runc,
    Crun,
}

/// Finds the runtime: the one named, else `runc`, else `crun`, on `PATH`.
pub(crate) fn find(named: Option<&Path>, cgroups: &Hierarchy) -> Result<Option<Program>, OciError> {
    if let Some(path) = named {
        return probe(path, cgroups).map(Some);
    }
    // Service managers often leave out the folders where administrators' programs are.
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .filter(|folder| folder.is_absolute())
        .collect();
    let mut refusal = None;
    for name in ["runc", "crun"] {
        let Some(program) = folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file()) else {
            continue;
        };
        match probe(&program, cgroups) {
            Ok(program) => return Ok(Some(program)),
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    refusal.map_or(Ok(None), Err)
}

fn probe(path: &Path, cgroups: &Hierarchy) -> Result<Program, OciError> {
    let output = Command::new(path)
        .arg("--version")
        .output()
        .map_err(OciError::io(format!("run `{} --version`", path.display())))?;
    let text = String::from_utf8_lossy(&output.stdout);
    judge(path, text.lines().next().unwrap_or_default(), cgroups)
}

fn judge(path: &Path, version: &str, cgroups: &Hierarchy) -> Result<Program, OciError> {
    let program = |flavor| Program { path: path.to_owned(), flavor, version: version.to_owned() };
    let number = version.split_whitespace().find_map(version_number);
    match (version.split_whitespace().next(), number) {
        (Some("runc"), Some(number)) if number >= (1, 1) => Ok(program(Flavor::Runc)),
        (Some("runc"), Some(_)) => {
            Err(OciError::Runtime(format!("`{version}` is too old: install runc 1.1 or newer")))
        }
        (Some("crun"), Some(_)) if matches!(cgroups, Hierarchy::V1(_)) => Err(OciError::Runtime(format!(
            "`{version}` refuses hosts with cgroup v1: install runc 1.1 or newer"
        ))),
        (Some("crun"), Some(_)) => Ok(program(Flavor::Crun)),
        _ => {
            Err(OciError::Runtime(format!("`{}` is neither runc nor crun: name one of them", path.display())))
        }
    }
}

fn version_number(word: &str) -> Option<(u32, u32)> {
    let mut parts = word.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_is_new_enough() {
        let judge = |version, cgroups: &Hierarchy| judge(Path::new("/bin/x"), version, cgroups);
        let (v1, v2) = (Hierarchy::V1(vec![]), Hierarchy::V2("/".into()));
        assert_eq!(judge("runc version 1.1.5+ds1", &v1).map(|p| p.flavor).ok(), Some(Flavor::Runc));
        assert_eq!(judge("runc version 2.0.1", &v2).map(|p| p.flavor).ok(), Some(Flavor::Runc));
        assert_eq!(judge("crun version 1.14", &v2).map(|p| p.flavor).ok(), Some(Flavor::Crun));
        for (version, cgroups) in [("runc version 1.0.3", &v2), ("crun version 1.8", &v1), ("bash 5.2", &v2)]
        {
            let refusal = judge(version, cgroups).expect_err(version).to_string();
            assert!(refusal.contains("install") || refusal.contains("name one"), "{refusal}");
        }
    }
}
