use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cyxwiz_model::{FilePath, JobId};

use super::FileKind;
use super::fault::Fault;

/// Longer metadata is not ours: a path of 1024 bytes in base64, and little else.
const MAX: usize = 4096;

/// What `Upload-Metadata` says of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Metadata {
    pub(super) job: JobId,
    pub(super) kind: FileKind,
    pub(super) path: FilePath,
    pub(super) sha256: [u8; 32],
    pub(super) number: u32,
}

impl Metadata {
    /// Parses `key base64,key base64`. What is unknown is refused.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        const FIELD: &str = "Upload-Metadata";
        if text.len() > MAX {
            return Err(Fault::bad(FIELD, "longer than 4096 bytes"));
        }
        let (mut job, mut kind, mut path, mut sha256, mut number) = (None, None, None, None, None);
        for pair in text.split(',') {
            let mut words = pair.split_ascii_whitespace();
            let (key, value) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let value = BASE64_STANDARD.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let value = value.ok_or_else(|| Fault::bad(FIELD, format!("`{key}` is not UTF-8 in base64")))?;
            let slot = match key {
                "job" => &mut job,
                "kind" => &mut kind,
                "path" => &mut path,
                "sha256" => &mut sha256,
                "number" => &mut number,
                _ => return Err(Fault::bad(FIELD, format!("`{key}` is unknown"))),
            };
            if slot.replace(value).is_some() {
                return Err(Fault::bad(FIELD, format!("`{key}` stands there twice")));
            }
        }
        let need = |name: &str, value: Option<String>| {
            value.ok_or_else(|| Fault::bad(FIELD, format!("`{name}` is missing")))
        };
        let (job, kind) = (need("job", job)?, need("kind", kind)?);
        let (path, sha256) = (need("path", path)?, need("sha256", sha256)?);
        let job = job.parse().map_err(|error| Fault::bad("job", error))?;
        let kind = kind.parse().map_err(|_| Fault::bad("kind", "say input, output or checkpoint"))?;
        let path = path.parse().map_err(|error| Fault::bad("path", error))?;
        let mut digest = [0; 32];
        hex::decode_to_slice(&sha256, &mut digest).map_err(|_| Fault::bad("sha256", "64 hex digits"))?;
        let number = match (kind, number) {
            (FileKind::Checkpoint, Some(number)) => {
                let number = number.parse().ok().filter(|number| (1..=i32::MAX as u32).contains(number));
                number.ok_or_else(|| Fault::bad("number", "from 1 on"))?
            }
            (FileKind::Checkpoint, None) => return Err(Fault::bad("number", "a checkpoint has one")),
            (_, None) => 0,
            (_, Some(_)) => return Err(Fault::bad("number", "only a checkpoint has one")),
        };
        Ok(Self { job, kind, path, sha256: digest, number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pairs: &[(&str, &str)]) -> String {
        let pair = |(key, value): &(&str, &str)| format!("{key} {}", BASE64_STANDARD.encode(value));
        pairs.iter().map(pair).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn what_is_said_is_read() {
        let (job, sha) = (JobId::generate(), "ab".repeat(32));
        let job_text = job.to_string();
        let pairs = [
            ("job", job_text.as_str()),
            ("kind", "checkpoint"),
            ("path", "a/ü"),
            ("sha256", &sha),
            ("number", "3"),
        ];
        let read = Metadata::parse(&text(&pairs)).unwrap();
        assert_eq!(
            (read.job, read.kind, read.number, read.sha256),
            (job, FileKind::Checkpoint, 3, [0xab; 32])
        );
        assert_eq!(read.path.as_str(), "a/ü");
    }

    #[test]
    fn what_is_missing_wrong_or_hostile_is_refused() {
        let (job, sha) = (JobId::generate().to_string(), "ab".repeat(32));
        let good = [("job", job.as_str()), ("kind", "input"), ("path", "a"), ("sha256", sha.as_str())];
        assert!(Metadata::parse(&text(&good)).is_ok());
        for (at, value) in [(0, "job_1"), (1, "log"), (2, "../a"), (2, "/etc/passwd"), (2, ""), (3, "ab")] {
            let mut bad = good;
            bad[at].1 = value;
            assert!(Metadata::parse(&text(&bad)).is_err(), "{bad:?}");
        }
        assert!(Metadata::parse(&text(&good[1..])).is_err());
        assert!(Metadata::parse("").is_err());
        assert!(Metadata::parse("job !!").is_err());
        assert!(Metadata::parse(&"x".repeat(MAX + 1)).is_err());
        assert!(Metadata::parse(&text(&[&good[..], &[("number", "1")]].concat())).is_err());
        assert!(Metadata::parse(&text(&[&good[..], &[("path", "b")]].concat())).is_err());
    }
}
