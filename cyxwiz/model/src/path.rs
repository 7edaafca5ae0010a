use std::fmt;
use std::str::FromStr;

/// Files of a job's inputs, of an attempt's outputs, and of one checkpoint, at most.
pub const MAX_FILES: usize = 10_000;
/// Bytes of a path at most.
const MAX_BYTES: usize = 1024;
/// Bytes of one part at most: what file systems allow.
const MAX_PART: usize = 255;

/// The path of a job's file: relative, `/` between its parts, none of them `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FilePath(String);

/// Why a text is no path of a job's file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilePathError {
    /// Nothing.
    #[error("an empty path names no file")]
    Empty,
    /// Too long.
    #[error("`{0}…` is too long: at most 1024 bytes, 255 in each part")]
    TooLong(String),
    /// Absolute, or with a drive letter.
    #[error("`{0}` is not relative: write it from the job's folder on")]
    Absolute(String),
    /// A part that leads elsewhere.
    #[error("`{0}` has an empty part, a `.` or a `..`: write it from the job's folder on without them")]
    Elsewhere(String),
    /// A character that terminals, archives or other systems would misread.
    #[error("`{0}` has a control character, a backslash or a colon: rename the file")]
    Character(String),
}

impl FilePath {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its parts, from the top.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for FilePath {
    type Err = FilePathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shown = || text.escape_debug().take(120).collect::<String>();
        if text.is_empty() {
            return Err(FilePathError::Empty);
        }
        if text.len() > MAX_BYTES || text.split('/').any(|part| part.len() > MAX_PART) {
            return Err(FilePathError::TooLong(shown()));
        }
        if text.starts_with('/') {
            return Err(FilePathError::Absolute(shown()));
        }
        if text.chars().any(misread) {
            return Err(FilePathError::Character(shown()));
        }
        if text.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(FilePathError::Elsewhere(shown()));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Control characters, what Windows takes for a separator, and what turns the direction of text around.
fn misread(c: char) -> bool {
    let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns || c == '\\' || c == ':'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_and_unicode_names_pass() {
        for path in ["a", "data/train.csv", "données/ß 漢字 🚀.bin", "a b", ".hidden", "...", "-rf", "$(x)"]
        {
            assert_eq!(path.parse::<FilePath>().unwrap().as_str(), path);
        }
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        for path in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "a/",
            ".",
            "a/./b",
            "c:\\x",
            "a\nb",
            "a\0",
            "x\u{202e}y",
        ] {
            assert!(path.parse::<FilePath>().is_err(), "{path:?}");
        }
        assert!("x".repeat(256).parse::<FilePath>().is_err());
        assert!("xy/".repeat(400).parse::<FilePath>().is_err());
    }

    proptest! {
        #[test]
        fn what_passes_stays_below_its_folder(text in "\\PC{0,40}|([a.]{0,3}/?){0,6}") {
            if let Ok(path) = text.parse::<FilePath>() {
                let joined = std::path::Path::new("/job").join(path.as_str());
                prop_assert!(joined.starts_with("/job"));
                prop_assert!(joined.components().all(|part| part != std::path::Component::ParentDir));
            }
        }
    }
}
