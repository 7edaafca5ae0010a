use std::path::{Path, PathBuf};

use crate::ServerError;

/// Where distributions and package managers put PostgreSQL, without the folder of a version.
const ROOTS: [&str; 5] = [
    "/usr/lib/postgresql",
    "/usr/local/lib/postgresql",
    "/opt/homebrew/opt",
    "/usr/local/opt",
    "/home/linuxbrew/.linuxbrew/opt",
];

/// The folder with `initdb`, `postgres`, `pg_ctl`, `pg_dump` and `pg_restore` of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries(PathBuf);

/// There is no PostgreSQL, or not the one that is needed.
#[derive(Debug, thiserror::Error)]
#[error(
    "found no PostgreSQL{} on this machine: install it (Debian and Ubuntu: `apt install postgresql`, macOS: \
     `brew install postgresql`), or set DATABASE_URL",
    version.as_ref().map(|version| format!(" {version}")).unwrap_or_default()
)]
pub struct NoBinaries {
    version: Option<String>,
}

impl Binaries {
    /// Looks in PATH, then where distributions put it; the newest, or the version that a cluster wants.
    ///
    /// # Errors
    /// [`NoBinaries`]
    pub fn find(version: Option<&str>) -> Result<Self, ServerError> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let in_path = std::env::split_paths(&path).map(|folder| folder.join("initdb"));
        // a link in PATH leads to the folder with all of them
        let in_path = in_path.filter_map(|initdb| Some(initdb.canonicalize().ok()?.parent()?.to_owned()));
        let mut installed: Vec<PathBuf> = ROOTS.iter().flat_map(|root| versions(Path::new(root))).collect();
        installed.sort_by_key(|folder| std::cmp::Reverse(number(folder)));
        let whole = |folder: &PathBuf| {
            ["initdb", "postgres", "pg_ctl"].iter().all(|name| folder.join(name).is_file())
        };
        let fits = |folder: &PathBuf| version.is_none_or(|wanted| major(folder).as_deref() == Some(wanted));
        let found = in_path.chain(installed).find(|folder| whole(folder) && fits(folder));
        found.map(Self).ok_or_else(|| NoBinaries { version: version.map(str::to_owned) }.into())
    }

    /// The path of one of them.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

/// `bin` folders below a root.
fn versions(root: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let folders = entries.map(|entry| entry.path()).filter(|folder| {
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("postgresql") || name.bytes().all(|byte| byte.is_ascii_digit())
    });
    folders.map(|folder| folder.join("bin")).collect()
}

/// The version that a folder's name says, to take the newest.
fn number(bin: &Path) -> u32 {
    let name = bin.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
    name.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0)
}

/// The major version that the programs say.
fn major(bin: &Path) -> Option<String> {
    let output = std::process::Command::new(bin.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    Some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_nobody_has_is_named_with_what_to_do() {
        let error = Binaries::find(Some("7")).unwrap_err().to_string();
        assert!(error.contains("found no PostgreSQL 7"), "{error}");
        assert!(error.contains("apt install postgresql"), "{error}");
    }

    #[test]
    fn the_newest_comes_first() {
        assert_eq!(number(Path::new("/usr/lib/postgresql/15/bin")), 15);
        assert_eq!(number(Path::new("/opt/homebrew/opt/postgresql@17/bin")), 17);
    }
}
