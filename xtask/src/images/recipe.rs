//! A recipe is a folder; its hash names what comes of it.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use sha2::{Digest as _, Sha256};

use crate::place::Place;

/// Raised when the code that follows a recipe changes what comes of it.
const MAKER: &str = "1";
/// Letters of the hash in a tag.
const SHOWN: usize = 12;

/// How an image is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// Its Dockerfile, from a public base.
    Dockerfile,
    /// Debian's packages, imported.
    Debian,
}

impl Route {
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Dockerfile => "by its Dockerfile",
            Self::Debian => "of Debian's packages",
        }
    }
}

/// The routes to try, in order.
pub(super) fn routes(named: Option<&str>, outbound: bool, cuda: bool) -> Result<Vec<Route>> {
    let routes = match named {
        Some("dockerfile") => vec![Route::Dockerfile],
        Some("debian") => vec![Route::Debian],
        Some(other) => bail!("CYXWIZ_IMAGES is `{other}`: set `dockerfile` or `debian`, or nothing"),
        None if outbound || cuda => vec![Route::Dockerfile, Route::Debian],
        None => vec![Route::Debian],
    };
    Ok(routes.into_iter().filter(|route| !cuda || *route == Route::Dockerfile).collect())
}

/// What an image is made of.
pub(super) struct Recipe {
    pub(super) name: String,
    pub(super) dir: PathBuf,
    /// Every file by name.
    files: Vec<(String, Vec<u8>)>,
    cuda: bool,
}

impl Recipe {
    pub(super) fn read(place: &Place, name: &str, cuda: bool) -> Result<Self> {
        let dir = place.root.join("images").join(name);
        let entries = fs::read_dir(&dir).with_context(|| format!("cannot read `{}`", dir.display()))?;
        let mut files = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.push((file, fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?));
        }
        files.sort();
        Ok(Self { name: name.to_owned(), dir, files, cuda })
    }

    /// The tag of the image that a route makes.
    pub(super) fn tag(&self, route: Route) -> String {
        let mut hasher = Sha256::new();
        let mut add = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        for part in [MAKER, route.describe(), if self.cuda { "cuda" } else { "cpu" }] {
            add(part.as_bytes());
        }
        for (name, bytes) in &self.files {
            add(name.as_bytes());
            add(bytes);
        }
        let hash: String =
            hasher.finalize().iter().map(|byte| format!("{byte:02x}")).take(SHOWN / 2).collect();
        format!("cyxwiz/{}:{hash}", self.name)
    }

    /// The lines of a list that are no comments.
    pub(super) fn lines(&self, file: &str) -> Vec<&str> {
        let found = self.files.iter().find(|(name, _)| name == file);
        let text = found.and_then(|(_, bytes)| std::str::from_utf8(bytes).ok()).unwrap_or_default();
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(text: &str) -> Recipe {
        let files = vec![("debian.txt".to_owned(), text.as_bytes().to_vec())];
        Recipe { name: "n".into(), dir: PathBuf::new(), files, cuda: false }
    }

    #[test]
    fn a_changed_recipe_has_another_tag() {
        let tag = recipe("a").tag(Route::Debian);
        assert!(tag.starts_with("cyxwiz/n:") && tag.len() == "cyxwiz/n:".len() + SHOWN, "{tag}");
        assert_eq!(tag, recipe("a").tag(Route::Debian));
        assert_ne!(tag, recipe("b").tag(Route::Debian));
        assert_ne!(tag, recipe("a").tag(Route::Dockerfile));
    }

    #[test]
    fn lists_have_comments() {
        assert_eq!(recipe("# why\na\n\n b \n").lines("debian.txt"), ["a", "b"]);
        assert!(recipe("a").lines("requirements.txt").is_empty());
    }

    #[test]
    fn cuda_needs_a_registry() {
        assert_eq!(routes(None, true, false).unwrap(), [Route::Dockerfile, Route::Debian]);
        assert_eq!(routes(None, false, false).unwrap(), [Route::Debian]);
        assert_eq!(routes(None, false, true).unwrap(), [Route::Dockerfile]);
        assert!(routes(Some("other"), true, false).is_err());
    }
}
