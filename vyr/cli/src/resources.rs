use std::time::Duration;

use clap::Args;
use vyr_model::{DirGrant, EnvGrant, Grants, HttpOutGrant, Limits};
use vyr_sdk::control;

use crate::{error::CliError, folders::Folders};

/// What a task may use and reach; the same flags for `task submit` and `run`.
#[derive(Args, Default)]
pub(crate) struct ResourceArgs {
    /// Let the guest see an environment variable
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<EnvGrant>,
    /// Let the guest open a folder of the node's machine
    #[arg(long, value_name = "HOST::GUEST[:ro]")]
    dir: Vec<DirGrant>,
    /// Let the guest send HTTP requests to one authority
    #[arg(long, value_name = "HOST:PORT")]
    http_out: Vec<HttpOutGrant>,
    /// Memory, such as `256MiB` or a byte count
    #[arg(long, value_name = "SIZE", value_parser = some_size)]
    memory: Option<u64>,
    /// Time from start to end, such as `30s`
    #[arg(long, value_name = "TIME", value_parser = time)]
    wall_time: Option<Duration>,
    /// Processor time, such as `500ms`
    #[arg(long, value_name = "TIME", value_parser = time)]
    cpu_time: Option<Duration>,
    /// Wasm instructions (counting makes the guest slower)
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    fuel: Option<u64>,
    /// Bytes on stdout
    #[arg(long, value_name = "SIZE", value_parser = some_size)]
    stdout_limit: Option<u64>,
    /// Bytes on stderr
    #[arg(long, value_name = "SIZE", value_parser = some_size)]
    stderr_limit: Option<u64>,
    /// Bytes in `/out`
    #[arg(long, value_name = "SIZE", value_parser = some_size)]
    output_limit: Option<u64>,
    /// Files, streams and other host handles open at once
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    handles: Option<u32>,
    /// Bytes that one host call may move
    #[arg(long, value_name = "SIZE", value_parser = some_size)]
    host_call_bytes: Option<u64>,
    /// Time to wait for `state bind`
    #[arg(long, value_name = "TIME", value_parser = time)]
    hold_time: Option<Duration>,
    /// Acknowledge before the record is on disk: faster, forgotten in a crash
    #[arg(long)]
    volatile: bool,
    /// The task may run again after a crash of the node
    #[arg(long)]
    idempotent: bool,
}

impl ResourceArgs {
    /// Makes the request's part for a node whose folders are `folders`.
    pub(crate) fn to_proto(
        &self,
        args: Vec<String>,
        folders: Folders,
    ) -> Result<control::Resources, CliError> {
        let limits = control::Limits {
            memory_bytes: self.memory.unwrap_or(0),
            wall_time: proto_duration(self.wall_time).into(),
            cpu_time: proto_duration(self.cpu_time).into(),
            fuel: self.fuel.unwrap_or(0),
            stdout_bytes: self.stdout_limit.unwrap_or(0),
            stderr_bytes: self.stderr_limit.unwrap_or(0),
            output_bytes: self.output_limit.unwrap_or(0),
            handles: self.handles.unwrap_or(0),
            host_call_bytes: self.host_call_bytes.unwrap_or(0),
            hold_time: proto_duration(self.hold_time).into(),
            ..Default::default()
        };
        let durability =
            if self.volatile { control::Durability::Volatile } else { control::Durability::Durable };
        Ok(control::Resources {
            limits: limits.into(),
            grants: proto_grants(self.grants(folders)?).into(),
            durability: durability.into(),
            idempotent: self.idempotent,
            args,
            ..Default::default()
        })
    }

    /// Returns the limits that were named, over `defaults`.
    pub(crate) fn limits(&self, defaults: Limits) -> Limits {
        Limits {
            memory_bytes: self.memory.unwrap_or(defaults.memory_bytes),
            wall_time: self.wall_time.unwrap_or(defaults.wall_time),
            cpu_time: self.cpu_time.unwrap_or(defaults.cpu_time),
            fuel: self.fuel.or(defaults.fuel),
            stdout_bytes: self.stdout_limit.unwrap_or(defaults.stdout_bytes),
            stderr_bytes: self.stderr_limit.unwrap_or(defaults.stderr_bytes),
            output_bytes: self.output_limit.unwrap_or(defaults.output_bytes),
            handles: self.handles.unwrap_or(defaults.handles),
            host_call_bytes: self.host_call_bytes.unwrap_or(defaults.host_call_bytes),
            ..defaults
        }
    }

    /// Returns the grants; host folders of this machine are made absolute.
    pub(crate) fn grants(&self, folders: Folders) -> Result<Grants, CliError> {
        once("--env", self.env.iter().map(|env| env.name.as_str()))?;
        once("--dir", self.dir.iter().map(|dir| dir.guest_path.trim_end_matches('/')))?;
        let mut dirs = self.dir.clone();
        for dir in &mut dirs {
            dir.host_path = folders.find(&dir.host_path)?;
        }
        Ok(Grants { env: self.env.clone(), dirs, http_out: self.http_out.clone() })
    }
}

/// Refuses a name that a flag gives twice.
fn once<'a>(flag: &str, names: impl IntoIterator<Item = &'a str>) -> Result<(), CliError> {
    let mut seen = std::collections::HashSet::new();
    match names.into_iter().find(|name| !seen.insert(*name)) {
        None => Ok(()),
        Some(name) => Err(CliError::Usage(format!("{flag} names `{name}` twice: give each name once"))),
    }
}

fn proto_grants(grants: Grants) -> control::Grants {
    let env = grants.env.into_iter().map(|env| control::EnvGrant {
        name: env.name,
        value: env.value,
        ..Default::default()
    });
    let dirs = grants.dirs.into_iter().map(|dir| control::DirGrant {
        host_path: dir.host_path,
        guest_path: dir.guest_path,
        read_only: dir.read_only,
        ..Default::default()
    });
    let http_out = grants.http_out.into_iter().map(|http| control::HttpOutGrant {
        authority: format!("{}:{}", http.host, http.port),
        ..Default::default()
    });
    control::Grants {
        env: env.collect(),
        dirs: dirs.collect(),
        http_out: http_out.collect(),
        ..Default::default()
    }
}

/// Names the flag that grants what a manifest wants.
pub(crate) fn mend(want: &str) -> String {
    match want.split_once('=') {
        Some(("env", name)) => format!("add --env {name}=VALUE"),
        Some(("dir", guest)) => format!("add --dir HOST::{guest}"),
        Some(("http-out", authority)) => format!("add --http-out {authority}"),
        _ => "see the artifact's manifest".to_owned(),
    }
}

/// Turns a duration into its protobuf form.
pub(crate) fn proto_duration(duration: Option<Duration>) -> Option<control::ProtoDuration> {
    duration.map(|duration| control::ProtoDuration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0),
        ..Default::default()
    })
}

/// The longest time that a node takes.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// Parses a time that is more than nothing, which means a default to a node.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    match time {
        Duration::ZERO => Err("that is no time at all: write more, or leave the flag out".to_owned()),
        time if time > LONGEST => Err("that is more than 365 days".to_owned()),
        time => Ok(time),
    }
}

/// Parses a size that is more than nothing, which means a default to a node.
pub(crate) fn some_size(text: &str) -> Result<u64, String> {
    match size(text)? {
        0 => Err("that is nothing at all: write more, or leave the flag out".to_owned()),
        bytes => Ok(bytes),
    }
}

/// Parses `4096`, `64KiB`, `256MiB`, `1GiB` (or `k`, `m`, `g`).
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        "g" | "gib" => 30,
        _ => return Err("write a byte count, or one with KiB, MiB or GiB".to_owned()),
    };
    let number: u64 =
        digits.parse().map_err(|_| "write a byte count, or one with KiB, MiB or GiB".to_owned())?;
    number.checked_mul(1 << shift).ok_or_else(|| "that is more than 16 EiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_given_once() {
        assert!(once("--env", ["A", "B"]).is_ok());
        let twice = once("--env", ["A", "B", "A"]).unwrap_err();
        assert_eq!(twice.to_string(), "--env names `A` twice: give each name once");
    }

    #[test]
    fn a_limit_is_more_than_nothing() {
        for text in ["0", "0KiB", "x"] {
            assert!(some_size(text).is_err(), "{text}");
        }
        for text in ["0s", "0ms", "366days", "x"] {
            assert!(time(text).is_err(), "{text}");
        }
        assert_eq!((some_size("1"), time("365days")), (Ok(1), Ok(LONGEST)));
    }

    #[test]
    fn sizes_parse() {
        assert_eq!(size("4096"), Ok(4096));
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("2g"), Ok(2 << 30));
        for text in ["", "x", "1.5GiB", "-1", "99999999999GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
