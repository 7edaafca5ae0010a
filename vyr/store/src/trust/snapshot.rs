use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use vyr_model::{PublicKey, Signature};

use super::{Signer, Untrusted, Validity};
use crate::{StoreError, files};

/// The most keys a trust folder may hold: a signature that names no key is tried with each.
const MAX_KEYS: usize = 1024;
const MAX_KEY_FILE: usize = 16 * 1024;
/// A file system's clock ticks every few milliseconds: two changes within a tick look the same. What is
/// younger than this is read again at each question.
const SETTLE: Duration = Duration::from_millis(100);

/// The trust folder as it was at one moment.
pub(super) struct Snapshot {
    dir: Stamp,
    settled: bool,
    pub(super) entries: Vec<Entry>,
}

/// One key of the folder.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) key: Option<PublicKey>,
    pub(super) validity: Result<Validity, String>,
    files: [(PathBuf, Stamp); 2],
}

/// What `stat` says that changes with every change of a file or folder; `None` when there is none.
#[derive(PartialEq, Eq, Clone, Copy)]
struct Stamp(Option<[i64; 7]>);

impl Stamp {
    fn of(path: &Path) -> io::Result<Self> {
        match fs::symlink_metadata(path) {
            Ok(meta) => Ok(Self(Some([
                meta.dev().cast_signed(),
                meta.ino().cast_signed(),
                meta.size().cast_signed(),
                meta.mtime(),
                meta.mtime_nsec(),
                meta.ctime(),
                meta.ctime_nsec(),
            ]))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self(None)),
            Err(error) => Err(error),
        }
    }

    fn holds(&self, path: &Path) -> bool {
        Self::of(path).is_ok_and(|stamp| stamp == *self)
    }

    fn changed(&self) -> Option<SystemTime> {
        let [.., seconds, nanos] = self.0?;
        let since = Duration::new(seconds.try_into().ok()?, nanos.try_into().ok()?);
        SystemTime::UNIX_EPOCH.checked_add(since)
    }
}

impl Snapshot {
    /// Reads the folder. A key whose files are not as they should be is kept, as one that does not count.
    pub(super) fn load(dir: &Path) -> Result<Self, StoreError> {
        let before = SystemTime::now();
        files::check_owned(dir, false)?;
        let stamp = Stamp::of(dir).map_err(StoreError::io("inspect", dir))?;
        let mut names = Vec::new();
        for entry in fs::read_dir(dir).map_err(StoreError::io("read folder", dir))? {
            let path = entry.map_err(StoreError::io("read folder", dir))?.path();
            let name = path.file_stem().and_then(|stem| stem.to_str()).filter(|name| is_key_name(name));
            if let (Some(name), Some("pem")) = (name, path.extension().and_then(|end| end.to_str())) {
                names.push(name.to_owned());
            }
            if names.len() > MAX_KEYS {
                return Err(StoreError::TooManyKeys(MAX_KEYS));
            }
        }
        names.sort_unstable();
        let entries =
            names.into_iter().map(|name| Entry::load(dir, name)).collect::<Result<Vec<_>, StoreError>>()?;
        let stamps = entries.iter().flat_map(|entry| entry.files.iter().map(|(_, stamp)| stamp));
        let newest = stamps.chain([&stamp]).filter_map(Stamp::changed).max();
        let settled = newest.is_none_or(|newest| before.duration_since(newest).is_ok_and(|age| age > SETTLE));
        Ok(Self { dir: stamp, settled, entries })
    }

    /// Tells whether nothing has changed that bears on `key`, or on any key where none is named.
    pub(super) fn is_fresh(&self, dir: &Path, key: Option<&PublicKey>) -> bool {
        let concerns = |entry: &&Entry| key.is_none() || entry.key.as_ref() == key;
        self.settled
            && self.dir.holds(dir)
            && self
                .entries
                .iter()
                .filter(concerns)
                .flat_map(|entry| &entry.files)
                .all(|(path, s)| s.holds(path))
    }

    /// Decides whether `key` counts at `now`. Under two names the stricter one decides.
    pub(super) fn judge_key(&self, key: &PublicKey, now: SystemTime) -> Result<Signer, Untrusted> {
        let mut signer = None;
        let mut refusal = None;
        for entry in self.entries.iter().filter(|entry| entry.key.as_ref() == Some(key)) {
            match entry.judge(now) {
                Ok(()) => signer = Some(Signer { name: entry.name.clone(), key: *key }),
                Err(why @ (Untrusted::Revoked(_) | Untrusted::Broken { .. })) => return Err(why),
                Err(why) => refusal = Some(why),
            }
        }
        signer.ok_or(refusal.unwrap_or(Untrusted::UnknownKey))
    }

    /// Decides whether `signature` over `message` counts at `now`. `made_by` is the key that is said to
    /// have made it; without it each key is tried.
    pub(super) fn judge(
        &self,
        message: &[u8],
        signature: &Signature,
        made_by: Option<&PublicKey>,
        now: SystemTime,
    ) -> Result<Signer, Untrusted> {
        if let Some(key) = made_by {
            let named = self.entries.iter().find(|entry| entry.key.as_ref() == Some(key));
            let Some(named) = named else { return Err(Untrusted::UnknownKey) };
            if !key.verifies(message, signature) {
                return Err(Untrusted::BadSignature(named.name.clone()));
            }
            return self.judge_key(key, now);
        }
        let mut keys = self.entries.iter().filter_map(|entry| entry.key.as_ref());
        match keys.find(|key| key.verifies(message, signature)) {
            Some(key) => self.judge_key(key, now),
            None => Err(Untrusted::UnknownKey),
        }
    }
}

impl Entry {
    fn load(dir: &Path, name: String) -> Result<Self, StoreError> {
        let pem = dir.join(format!("{name}.pem"));
        let toml = dir.join(format!("{name}.toml"));
        // stamps first: a change while we read shows as a difference later
        let stamps = [
            Stamp::of(&pem).map_err(StoreError::io("inspect", &pem))?,
            Stamp::of(&toml).map_err(StoreError::io("inspect", &toml))?,
        ];
        let key = read_text(&pem).and_then(|text| {
            PublicKey::from_pem(&text.unwrap_or_default()).map_err(|error| error.to_string())
        });
        let bounds = read_text(&toml).and_then(|text| Validity::parse(&text.unwrap_or_default()));
        let exposed = exposure(&pem).and_then(|()| exposure(&toml));
        // a key that can be read is known, if only to say why it does not count
        let (key, validity) = match key {
            Ok(key) => (Some(key), exposed.and(bounds)),
            Err(problem) => (None, Err(problem)),
        };
        let [pem_stamp, toml_stamp] = stamps;
        Ok(Self { name, key, validity, files: [(pem, pem_stamp), (toml, toml_stamp)] })
    }

    pub(super) fn judge(&self, now: SystemTime) -> Result<(), Untrusted> {
        match &self.validity {
            Ok(validity) => validity.judge(&self.name, now),
            Err(problem) => Err(Untrusted::Broken { name: self.name.clone(), problem: problem.clone() }),
        }
    }
}

fn read_text(path: &Path) -> Result<Option<String>, String> {
    let bytes = files::read_small(path, MAX_KEY_FILE).map_err(|error| error.to_string())?;
    let text = bytes.map(String::from_utf8).transpose();
    text.map_err(|_| format!("`{}` is not text", path.display()))
}

/// Refuses a file that somebody else could change.
fn exposure(path: &Path) -> Result<(), String> {
    match files::check_owned(path, false) {
        Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(()),
        checked => checked.map_err(|error| error.to_string()),
    }
}

/// Tells whether `name` can be a key's: no path can be made of it, and it reads the same everywhere.
pub(super) fn is_key_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c))
}
