use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use vyr_model::{ArtifactKind, BuiltManifest, Digest, ManifestDraft, ManifestError};

/// The most bytes a job's document may have.
const MAX_DOCUMENT: usize = 64 << 10;
const MAX_WORDS: usize = 256;
const MAX_CPU_MILLI: u32 = 1_024_000;
const MAX_PIDS: u32 = 65_536;
const MIB: u64 = 1 << 20;
const TIB: u64 = 1 << 40;
const MAX_GRACE_MILLIS: u32 = 60_000;
const MAX_DEVICE: usize = 128;

/// What runs in which image, with what a container needs beside a task's own limits. It is the one layer of an
/// artifact of kind `container`, as JSON without a field that stands not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContainerJob {
    /// The image, which the engine must have.
    pub image: ImageRef,
    /// The program and its arguments; the image's own entry point is not used. A task's arguments follow.
    pub command: Vec<String>,
    /// Thousandths of a processor, from 10 (a hundredth) on.
    pub cpu_milli: u32,
    /// Processes and threads at once.
    pub pids: u32,
    /// Bytes of `/dev/shm`, which count as memory; PyTorch's data workers need them.
    pub shm_bytes: u64,
    /// Bytes that the folders which the job may write hold together.
    pub disk_bytes: u64,
    /// The accelerator that the job alone gets.
    #[serde(default)]
    pub gpu: Gpu,
    /// What the job may reach.
    pub network: Network,
    /// Milliseconds from SIGTERM to SIGKILL, at most 60,000; the node's own default where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_ms: Option<u32>,
}

/// An image by its content: `sha256:…`, the engine's own id, or `NAME@sha256:…`, a repository's digest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageRef(String);

/// The accelerator of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Gpu {
    /// None.
    #[default]
    None,
    /// Exactly this one, by NVIDIA's UUID, its index or a CDI name.
    Device(String),
}

/// What a job may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// Nothing but itself.
    None,
    /// Public addresses; no private range, no metadata service, nothing inbound.
    Outbound,
}

/// Why a text is no container job.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum JobError {
    /// Not JSON, an unknown field, a missing one, or a value of the wrong type.
    #[error("the container job is not read: {0}")]
    Json(String),
    /// A value out of its range.
    #[error("the container job's `{field}` is `{found}`: use {expected}")]
    Value {
        /// The field.
        field: &'static str,
        /// What it says.
        found: String,
        /// What it may say.
        expected: &'static str,
    },
}

impl ContainerJob {
    /// Makes a job that gets one processor, 512 processes, 64 MiB of `/dev/shm`, 1 GiB of disk and no network.
    pub fn new(image: ImageRef, command: Vec<String>) -> Self {
        Self {
            image,
            command,
            cpu_milli: 1000,
            pids: 512,
            shm_bytes: 64 * MIB,
            disk_bytes: 1024 * MIB,
            gpu: Gpu::None,
            network: Network::None,
            grace_ms: None,
        }
    }

    /// Reads a document strictly.
    ///
    /// # Errors
    /// When it is too long, has a field that is not known or lacks one, or a value is out of its range.
    pub fn parse(bytes: &[u8]) -> Result<Self, JobError> {
        if bytes.len() > MAX_DOCUMENT {
            return Err(JobError::Json(format!("it has more than {MAX_DOCUMENT} bytes")));
        }
        let job: Self = serde_json::from_slice(bytes).map_err(|error| JobError::Json(error.to_string()))?;
        job.check()?;
        Ok(job)
    }

    /// Writes the document: the same job gives the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        // a struct of texts and numbers always becomes JSON
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Makes the artifact of the job: its manifest with config, and the layer's bytes.
    ///
    /// # Errors
    /// When the name or version is none that a manifest can hold.
    pub fn artifact(&self, name: &str, version: &str) -> Result<(BuiltManifest, Vec<u8>), ManifestError> {
        let layer = self.to_bytes();
        let draft = ManifestDraft::new(ArtifactKind::Container, name, version);
        let manifest = draft.build(Digest::of(&layer), u64::try_from(layer.len()).unwrap_or(u64::MAX))?;
        Ok((manifest, layer))
    }

    fn check(&self) -> Result<(), JobError> {
        let refuse = |field, found: &dyn fmt::Display, expected| {
            let found: String = found.to_string().chars().take(100).collect();
            Err(JobError::Value { field, found, expected })
        };
        let words = self.command.len();
        let program = self.command.first().map_or("", String::as_str);
        if program.is_empty() || words > MAX_WORDS || self.command.iter().any(|word| word.contains('\0')) {
            return refuse("command", &program, "a program and at most 255 arguments, none with a NUL");
        }
        if !(10..=MAX_CPU_MILLI).contains(&self.cpu_milli) {
            return refuse("cpu_milli", &self.cpu_milli, "10 to 1,024,000 thousandths of a processor");
        }
        if !(1..=MAX_PIDS).contains(&self.pids) {
            return refuse("pids", &self.pids, "1 to 65,536");
        }
        if !(MIB..=TIB).contains(&self.shm_bytes) {
            return refuse("shm_bytes", &self.shm_bytes, "1 MiB to 1 TiB");
        }
        if !(MIB..=16 * TIB).contains(&self.disk_bytes) {
            return refuse("disk_bytes", &self.disk_bytes, "1 MiB to 16 TiB");
        }
        if self.grace_ms.is_some_and(|grace| grace > MAX_GRACE_MILLIS) {
            return refuse("grace_ms", &self.grace_ms.unwrap_or_default(), "at most 60,000");
        }
        match &self.gpu {
            Gpu::Device(id) if !is_device(id) => {
                refuse("gpu", id, "one device's UUID, index or CDI name; never `all`")
            }
            Gpu::Device(_) | Gpu::None => Ok(()),
        }
    }
}

/// Tells whether a text names one device.
fn is_device(id: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/=".contains(c);
    !id.is_empty() && id.len() <= MAX_DEVICE && id.chars().all(plain) && !id.ends_with("all")
}

impl ImageRef {
    /// Returns the text by which the engine knows the image.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ImageRef {
    type Err = JobError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, digest) = text.split_once('@').map_or((None, text), |(name, digest)| (Some(name), digest));
        let named = |name: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
            name.starts_with(|c: char| c.is_ascii_alphanumeric())
                && name.len() <= 255
                && name.chars().all(plain)
        };
        if digest.parse::<Digest>().is_ok() && name.is_none_or(named) {
            return Ok(Self(text.to_owned()));
        }
        Err(JobError::Value {
            field: "image",
            found: text.chars().take(100).collect(),
            expected: "`sha256:…`, an image's id, or `NAME@sha256:…`; a tag may come to name another image",
        })
    }
}

impl TryFrom<String> for ImageRef {
    type Error = JobError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ImageRef> for String {
    fn from(image: ImageRef) -> Self {
        image.0
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> String {
        format!("sha256:{}", "ab".repeat(32))
    }

    fn job() -> ContainerJob {
        ContainerJob::new(id().parse().unwrap(), vec!["python3".into(), "a.py".into()])
    }

    #[test]
    fn a_job_reads_back() {
        let mut job = job();
        assert_eq!(ContainerJob::parse(&job.to_bytes()), Ok(job.clone()));
        job.gpu = Gpu::Device("GPU-1234".into());
        job.network = Network::Outbound;
        job.grace_ms = Some(60_000);
        let text = String::from_utf8(job.to_bytes()).unwrap();
        assert!(text.contains(r#""gpu":{"device":"GPU-1234"},"network":"outbound""#), "{text}");
        assert_eq!(ContainerJob::parse(text.as_bytes()), Ok(job));
    }

    #[test]
    fn what_is_not_known_or_out_of_range_is_refused() {
        let text = String::from_utf8(job().to_bytes()).unwrap();
        for (from, to) in [
            ("{\"image\"", "{\"privileged\":true,\"image\""),
            ("\"network\":\"none\"", "\"network\":\"host\""),
            ("\"cpu_milli\":1000", "\"cpu_milli\":0"),
            ("\"cpu_milli\":1000,", ""),
            ("\"pids\":512", "\"pids\":-1"),
            ("\"pids\":512", "\"pids\":0"),
            ("\"gpu\":\"none\"", "\"gpu\":{\"device\":\"all\"}"),
            ("\"gpu\":\"none\"", "\"gpu\":{\"device\":\"nvidia.com/gpu=all\"}"),
            ("\"gpu\":\"none\"", "\"gpu\":{\"device\":\"0,1\"}"),
            ("[\"python3\",\"a.py\"]", "[]"),
            ("\"a.py\"", "\"a\\u0000\""),
            ("sha256:", "python:"),
        ] {
            assert!(text.contains(from), "{from}");
            assert!(ContainerJob::parse(text.replace(from, to).as_bytes()).is_err(), "{to}");
        }
    }

    #[test]
    fn an_image_is_named_by_its_content() {
        for good in [id(), format!("cyxwiz/python@{}", id()), format!("r.example:5000/a/b@{}", id())] {
            assert!(good.parse::<ImageRef>().is_ok(), "{good}");
        }
        for bad in ["python", "python:3.13", "sha256:ab", "@sha256:ab", "../a@"] {
            assert!(bad.parse::<ImageRef>().is_err(), "{bad}");
        }
    }

    #[test]
    fn its_artifact_is_one_that_a_node_takes() {
        let (manifest, layer) = job().artifact("train", "1").unwrap();
        let parsed = vyr_model::Manifest::parse(&manifest.manifest).unwrap();
        assert_eq!(parsed.kind, ArtifactKind::Container);
        parsed.check_config(&manifest.config).unwrap();
        parsed.check_content(&layer).unwrap();
        assert!(parsed.check_config(b"{ }").is_err());
        assert!(parsed.check_content(b"\0asm").is_err());
    }
}
