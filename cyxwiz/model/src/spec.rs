//! What a buyer wants to have run, as it was checked.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::{Coin, FilePath, FilePathError, GpuType, GpuTypeError, HourlyPrice, MAX_ATTEMPTS, Moment, Span};

/// The longest run.
const MAX_TIMEOUT: Span = Span::seconds(24 * 3600);
/// How long a job may wait for a node before it is refunded.
const QUEUE_TIME: Span = Span::seconds(24 * 3600);
/// What must be left of an escrow's time beyond a run: uploads, checks, the window for disputes, a settlement.
const MARGIN: Span = Span::seconds(3600);

/// A job.
#[derive(Clone, Debug, PartialEq)]
pub struct JobSpec {
    /// For people.
    pub name: String,
    /// What runs.
    pub workload: Workload,
    /// What the machine must have.
    pub requirements: Requirements,
    /// The most that an hour may cost.
    pub max_price: HourlyPrice,
    /// The longest run.
    pub timeout: Span,
    /// What to pay in.
    pub coin: Coin,
    /// How often it may be assigned in all.
    pub max_attempts: u32,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// What must be among the outputs.
    pub expected_outputs: Vec<FilePath>,
    /// Data that the node fetches itself.
    pub data_urls: Vec<DataUrl>,
}

/// What runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Workload {
    /// A Python script in a container.
    Script(Script),
    /// A Wasm program.
    Wasm(Wasm),
}

/// A Python script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The script's file.
    pub entry: FilePath,
    /// Its arguments.
    pub args: Vec<String>,
    /// The image's name.
    pub image: String,
    /// Whether requirements.txt is installed first.
    pub install_requirements: bool,
}

/// A Wasm program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wasm {
    /// The program's file.
    pub artifact: FilePath,
    /// Its arguments.
    pub args: Vec<String>,
    /// Whether equal inputs give equal outputs.
    pub deterministic: bool,
}

/// Which GPU is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Some GPU.
    Any,
    /// None, or the model named.
    Type(GpuType),
}

/// What the machine must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirements {
    /// Which GPU.
    pub gpu: Wanted,
    /// Memory of the GPU, MiB.
    pub min_vram_mib: u64,
    /// Processors, thousandths.
    pub cpu_milli: u32,
    /// Memory, MiB.
    pub memory_mib: u64,
    /// Disk, MiB.
    pub disk_mib: u64,
}

/// Data by URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataUrl {
    /// Where it is: https.
    pub url: String,
    /// Where it goes below `/job/data`.
    pub path: FilePath,
    /// What it must be.
    pub sha256: [u8; 32],
    /// Its size, bytes.
    pub size: u64,
}

/// What is wrong with a job. Names the field as buyers write it, and the mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// The name.
    #[error("a job's name has 1 to 100 characters, none of them a control character")]
    Name,
    /// Nothing to run.
    #[error("the job says neither a script nor a Wasm program")]
    NoWorkload,
    /// Nothing to pay in.
    #[error("the job does not say what it is paid in: take SOL or USDC")]
    NoCoin,
    /// A digest.
    #[error("the digest of `{0}` has not 32 bytes: give its SHA-256")]
    Digest(String),
    /// A path.
    #[error(transparent)]
    Path(#[from] FilePathError),
    /// The image.
    #[error("there is no image `{0}`: take python or pytorch")]
    Image(String),
    /// The GPU.
    #[error(transparent)]
    Gpu(#[from] GpuTypeError),
    /// Memory of a GPU without a GPU.
    #[error("min_vram is {0} MiB, but gpu_type is cpu: leave one of them out")]
    VramWithoutGpu(u64),
    /// A number out of its range.
    #[error("{field} is {value}: {range}")]
    Range {
        /// The field as the buyer writes it.
        field: &'static str,
        /// What it was.
        value: u64,
        /// What it may be.
        range: &'static str,
    },
    /// The environment.
    #[error("`{0}` is no name for an environment variable: letters, digits and _, no digit first")]
    EnvName(String),
    /// Too much environment.
    #[error("the environment is too large: at most 100 variables, 32 KiB in all, no NUL")]
    EnvSize,
    /// Arguments.
    #[error("the arguments are too long: at most 256, 32 KiB in all, no NUL")]
    Args,
    /// A URL.
    #[error("`{0}` is no address that a node may fetch: it must begin with https://")]
    Url(String),
}

impl Workload {
    /// Whether it needs a container engine.
    #[must_use]
    pub const fn needs_containers(&self) -> bool {
        matches!(self, Self::Script(_))
    }

    fn args(&self) -> &[String] {
        match self {
            Self::Script(script) => &script.args,
            Self::Wasm(wasm) => &wasm.args,
        }
    }
}

impl FromStr for Wanted {
    type Err = GpuTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "any" { Ok(Self::Any) } else { text.parse().map(Self::Type) }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Type(gpu) => gpu.fmt(f),
        }
    }
}

impl JobSpec {
    /// Checks what types do not: ranges and sizes.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), SpecError> {
        let name = self.name.chars().count();
        if !(1..=100).contains(&name)
            || self.name.trim().is_empty()
            || self.name.chars().any(char::is_control)
        {
            return Err(SpecError::Name);
        }
        if let Workload::Script(script) = &self.workload
            && !matches!(script.image.as_str(), "python" | "pytorch")
        {
            return Err(SpecError::Image(script.image.chars().take(40).collect()));
        }
        self.requirements.check()?;
        let seconds = self.timeout.0 / 1000;
        range("timeout", seconds, 1, MAX_TIMEOUT.0 / 1000, "write seconds, 1 to 86400")?;
        range(
            "max_price",
            self.max_price.0,
            1,
            1_000_000_000,
            "write dollars an hour, above 0 and at most 1000",
        )?;
        range("max_attempts", u64::from(self.max_attempts), 1, u64::from(MAX_ATTEMPTS), "write 1 to 10")?;
        self.check_texts()?;
        range("expected_outputs", self.expected_outputs.len() as u64, 0, 1000, "name at most 1000")?;
        range("data_urls", self.data_urls.len() as u64, 0, 100, "name at most 100")?;
        match self.data_urls.iter().find(|data| !data.url.starts_with("https://") || data.url.len() > 4096) {
            Some(data) => Err(SpecError::Url(data.url.chars().take(120).collect())),
            None => Ok(()),
        }
    }

    fn check_texts(&self) -> Result<(), SpecError> {
        let args = self.workload.args();
        let bytes: usize = args.iter().map(String::len).sum();
        if args.len() > 256 || bytes > 32 << 10 || args.iter().any(|arg| arg.contains('\0')) {
            return Err(SpecError::Args);
        }
        let named = |name: &str| {
            let mut chars = name.chars();
            let first = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
            first && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if let Some(name) = self.env.keys().find(|name| !named(name)) {
            return Err(SpecError::EnvName(name.escape_debug().take(60).collect()));
        }
        let bytes: usize = self.env.iter().map(|(name, value)| name.len() + value.len()).sum();
        if self.env.len() > 100 || bytes > 32 << 10 || self.env.values().any(|value| value.contains('\0')) {
            return Err(SpecError::EnvSize);
        }
        Ok(())
    }
}

impl Requirements {
    fn check(&self) -> Result<(), SpecError> {
        if self.min_vram_mib > 0 && matches!(&self.gpu, Wanted::Type(gpu) if gpu.is_cpu()) {
            return Err(SpecError::VramWithoutGpu(self.min_vram_mib));
        }
        range("min_vram", self.min_vram_mib, 0, 1 << 20, "write GB, at most 1024")?;
        range("cpus", u64::from(self.cpu_milli), 100, 1_024_000, "write 0.1 to 1024")?;
        range("memory", self.memory_mib, 64, 16 << 20, "write 64 MiB to 16 TiB")?;
        range("disk", self.disk_mib, 16, 16 << 20, "write 16 MiB to 16 TiB")
    }
}

fn range(field: &'static str, value: u64, from: u64, to: u64, range: &'static str) -> Result<(), SpecError> {
    if (from..=to).contains(&value) { Ok(()) } else { Err(SpecError::Range { field, value, range }) }
}

/// When an escrow that is opened now is the buyer's again: after a wait, a run and what comes after it.
#[must_use]
pub fn expire_at(now: Moment, timeout: Span) -> Moment {
    now.plus(QUEUE_TIME).plus(timeout).plus(MARGIN).plus(MARGIN)
}

/// Until when a job may be assigned, so that its escrow outlives the run by an hour.
#[must_use]
pub fn latest_start(expire_at: Moment, timeout: Span) -> Moment {
    let before = i64::try_from(timeout.plus(MARGIN).0).unwrap_or(i64::MAX);
    Moment(expire_at.0.saturating_sub(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> JobSpec {
        JobSpec {
            name: "train".to_owned(),
            workload: Workload::Script(Script {
                entry: "training_script.py".parse().unwrap(),
                args: vec![],
                image: "python".to_owned(),
                install_requirements: true,
            }),
            requirements: Requirements {
                gpu: Wanted::Type(GpuType::cpu()),
                min_vram_mib: 0,
                cpu_milli: 1000,
                memory_mib: 1024,
                disk_mib: 10_240,
            },
            max_price: HourlyPrice(1_000_000),
            timeout: Span::seconds(3600),
            coin: Coin::Usdc,
            max_attempts: 3,
            env: BTreeMap::new(),
            expected_outputs: vec![],
            data_urls: vec![],
        }
    }

    #[test]
    fn an_ordinary_job_is_well() {
        assert_eq!(spec().check(), Ok(()));
    }

    #[test]
    fn mistakes_name_the_mend() {
        let say = |change: fn(&mut JobSpec)| {
            let mut spec = spec();
            change(&mut spec);
            spec.check().unwrap_err().to_string()
        };
        assert_eq!(say(|spec| spec.timeout = Span::seconds(0)), "timeout is 0: write seconds, 1 to 86400");
        assert_eq!(
            say(|spec| spec.timeout = Span::seconds(86_401)),
            "timeout is 86401: write seconds, 1 to 86400"
        );
        assert_eq!(
            say(|spec| spec.max_price = HourlyPrice(0)),
            "max_price is 0: write dollars an hour, above 0 and at most 1000"
        );
        assert_eq!(
            say(|spec| spec.requirements.min_vram_mib = 8192),
            "min_vram is 8192 MiB, but gpu_type is cpu: leave one of them out"
        );
        assert_eq!(
            say(|spec| drop(spec.env.insert("1X".to_owned(), String::new()))),
            "`1X` is no name for an environment variable: letters, digits and _, no digit first"
        );
        assert_eq!(say(|spec| spec.name = " ".to_owned()), SpecError::Name.to_string());
        assert_eq!(
            say(|spec| {
                spec.data_urls = vec![DataUrl {
                    url: "http://x".to_owned(),
                    path: "x".parse().unwrap(),
                    sha256: [0; 32],
                    size: 1,
                }];
            }),
            "`http://x` is no address that a node may fetch: it must begin with https://"
        );
    }

    #[test]
    fn an_escrow_outlives_every_run_by_an_hour() {
        let (now, timeout) = (Moment(0), Span::seconds(86_400));
        let expires = expire_at(now, timeout);
        assert!(expires >= now.plus(timeout).plus(Span::seconds(3600)));
        assert!(expires.seconds() <= cyxwiz_escrow_policy::MAX_LIFE);
        let latest = latest_start(expires, timeout);
        assert_eq!(latest.plus(timeout).plus(Span::seconds(3600)), expires);
        assert!(expire_at(now, Span::seconds(1)).seconds() >= cyxwiz_escrow_policy::MIN_LIFE);
    }
}
