use vyr_model::{DefaultLimits, LimitKind};

use crate::resources::size;

/// The limits that a manifest may set, by the names that the reason of an end has.
const KINDS: [LimitKind; 10] = [
    LimitKind::Memory,
    LimitKind::WallTime,
    LimitKind::CpuTime,
    LimitKind::Fuel,
    LimitKind::Stdout,
    LimitKind::Stderr,
    LimitKind::Output,
    LimitKind::Handles,
    LimitKind::HostCallBytes,
    LimitKind::HoldTime,
];

/// One limit that an artifact sets for submits that name none: `NAME=VALUE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    kind: LimitKind,
    /// Bytes, milliseconds, or a count.
    amount: u64,
}

impl Limit {
    /// Parses `memory=64MiB`, `wall_time=30s`, `handles=100`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let names = || KINDS.map(LimitKind::as_str).join(", ");
        let (name, value) = text.split_once('=').ok_or("write NAME=VALUE, such as `memory=64MiB`")?;
        let kind = KINDS.into_iter().find(|kind| kind.as_str() == name);
        let kind = kind.ok_or_else(|| format!("there is no limit `{name}`: write one of {}", names()))?;
        let amount = match kind {
            LimitKind::WallTime | LimitKind::CpuTime | LimitKind::HoldTime => millis(value)?,
            LimitKind::Fuel => value.parse().map_err(|_| "write a count")?,
            LimitKind::Handles => value.parse::<u32>().map_err(|_| "write a count")?.into(),
            LimitKind::Memory
            | LimitKind::Stdout
            | LimitKind::Stderr
            | LimitKind::Output
            | LimitKind::HostCallBytes => size(value)?,
        };
        if amount == 0 {
            return Err("a limit of nothing lets nothing run: write more, or leave it out".to_owned());
        }
        Ok(Self { kind, amount })
    }

    /// Sets this limit; one given later counts.
    pub(super) fn set(self, limits: &mut DefaultLimits) {
        let amount = Some(self.amount);
        let time = amount.map(std::time::Duration::from_millis);
        match self.kind {
            LimitKind::Memory => limits.memory_bytes = amount,
            LimitKind::WallTime => limits.wall_time = time,
            LimitKind::CpuTime => limits.cpu_time = time,
            LimitKind::Fuel => limits.fuel = amount,
            LimitKind::Stdout => limits.stdout_bytes = amount,
            LimitKind::Stderr => limits.stderr_bytes = amount,
            LimitKind::Output => limits.output_bytes = amount,
            LimitKind::Handles => limits.handles = u32::try_from(self.amount).ok(),
            LimitKind::HostCallBytes => limits.host_call_bytes = amount,
            LimitKind::HoldTime => limits.hold_time = time,
        }
    }
}

/// Parses a time; a manifest holds whole milliseconds.
fn millis(text: &str) -> Result<u64, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if time.subsec_nanos() % 1_000_000 != 0 {
        return Err("write whole milliseconds".to_owned());
    }
    u64::try_from(time.as_millis()).map_err(|_| "that is too long".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_has_its_unit() {
        let mut limits = DefaultLimits::default();
        for text in ["memory=1MiB", "memory=2MiB", "wall_time=1500ms", "handles=7", "fuel=9", "hold_time=1s"]
        {
            Limit::parse(text).unwrap().set(&mut limits);
        }
        let wanted = DefaultLimits {
            memory_bytes: Some(2 << 20),
            wall_time: Some(std::time::Duration::from_millis(1500)),
            handles: Some(7),
            fuel: Some(9),
            hold_time: Some(std::time::Duration::from_secs(1)),
            ..DefaultLimits::default()
        };
        assert_eq!(limits, wanted);
        for kind in KINDS {
            let value = if kind.as_str().ends_with("time") { "1s" } else { "1" };
            Limit::parse(&format!("{}={value}", kind.as_str())).unwrap();
        }
    }

    #[test]
    fn a_wrong_limit_names_the_mend() {
        for (text, why) in [
            ("memory", "NAME=VALUE"),
            ("memry=1", "host_call_bytes"),
            ("memory=lots", "byte count"),
            ("memory=0", "leave it out"),
            ("handles=4294967296", "a count"),
            ("cpu_time=1us", "whole milliseconds"),
        ] {
            let error = Limit::parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
