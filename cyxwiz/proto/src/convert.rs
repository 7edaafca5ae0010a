//! A job between the wire and the rules: parsed once, at whichever edge it arrives.

use cyxwiz_model::{
    Coin, DEFAULT_ATTEMPTS, DataUrl, FilePath, HourlyPrice, JobSpec, JobState, Requirements, Script, Span,
    SpecError, Wasm, Workload,
};

use crate::v1;
use crate::v1::__buffa::oneof::job_spec::Workload as WireWorkload;

const DEFAULT_CPU_MILLI: u32 = 1000;
const DEFAULT_MEMORY_MIB: u64 = 1024;
const DEFAULT_DISK_MIB: u64 = 10_240;

impl TryFrom<v1::JobSpec> for JobSpec {
    type Error = SpecError;

    fn try_from(wire: v1::JobSpec) -> Result<Self, Self::Error> {
        let spec = Self {
            name: wire.name,
            workload: workload(wire.workload.ok_or(SpecError::NoWorkload)?)?,
            requirements: requirements(wire.requirements.into_option().unwrap_or_default())?,
            max_price: HourlyPrice(wire.max_micro_usd_per_hour),
            timeout: Span::seconds(wire.timeout_seconds.into()),
            coin: coin(wire.coin)?,
            max_attempts: or(wire.max_attempts, DEFAULT_ATTEMPTS),
            env: wire.env.into_iter().collect(),
            expected_outputs: paths(&wire.expected_outputs)?,
            data_urls: wire.data_urls.into_iter().map(data_url).collect::<Result<_, _>>()?,
        };
        spec.check()?;
        Ok(spec)
    }
}

impl From<&JobSpec> for v1::JobSpec {
    fn from(spec: &JobSpec) -> Self {
        let Requirements { gpu, min_vram_mib, cpu_milli, memory_mib, disk_mib } = &spec.requirements;
        let requirements = v1::Requirements {
            gpu_type: gpu.to_string(),
            min_vram_mib: *min_vram_mib,
            cpu_milli: *cpu_milli,
            memory_mib: *memory_mib,
            disk_mib: *disk_mib,
            ..Default::default()
        };
        let workload = match &spec.workload {
            Workload::Script(script) => WireWorkload::from(v1::ScriptWorkload {
                entry: script.entry.to_string(),
                args: script.args.clone(),
                image: script.image.clone(),
                install_requirements: script.install_requirements,
                ..Default::default()
            }),
            Workload::Wasm(wasm) => WireWorkload::from(v1::WasmWorkload {
                artifact: wasm.artifact.to_string(),
                args: wasm.args.clone(),
                deterministic: wasm.deterministic,
                ..Default::default()
            }),
        };
        let data_url = |data: &DataUrl| v1::DataUrl {
            url: data.url.clone(),
            path: data.path.to_string(),
            sha256: data.sha256.to_vec(),
            size: data.size,
            ..Default::default()
        };
        Self {
            name: spec.name.clone(),
            workload: Some(workload),
            requirements: requirements.into(),
            max_micro_usd_per_hour: spec.max_price.0,
            timeout_seconds: u32::try_from(spec.timeout.0 / 1000).unwrap_or(u32::MAX),
            coin: v1::Coin::from(spec.coin).into(),
            max_attempts: spec.max_attempts,
            env: spec.env.clone().into_iter().collect(),
            expected_outputs: spec.expected_outputs.iter().map(FilePath::to_string).collect(),
            data_urls: spec.data_urls.iter().map(data_url).collect(),
            ..Default::default()
        }
    }
}

impl From<Coin> for v1::Coin {
    fn from(coin: Coin) -> Self {
        match coin {
            Coin::Sol => Self::Sol,
            Coin::Usdc => Self::Usdc,
        }
    }
}

impl From<JobState> for v1::JobState {
    fn from(state: JobState) -> Self {
        match state {
            JobState::Draft => Self::Draft,
            JobState::Funded => Self::Funded,
            JobState::Queued => Self::Queued,
            JobState::Assigned => Self::Assigned,
            JobState::Preparing => Self::Preparing,
            JobState::Running => Self::Running,
            JobState::Publishing => Self::Publishing,
            JobState::Verifying => Self::Verifying,
            JobState::Settling => Self::Settling,
            JobState::Completed => Self::Completed,
            JobState::Refunding => Self::Refunding,
            JobState::Refunded => Self::Refunded,
            JobState::Cancelled => Self::Cancelled,
        }
    }
}

/// Reads a coin; `None` where the caller did not say, or said one that this version does not know.
#[must_use]
pub fn coin_of(wire: buffa::EnumValue<v1::Coin>) -> Option<Coin> {
    match wire.as_known()? {
        v1::Coin::Sol => Some(Coin::Sol),
        v1::Coin::Usdc => Some(Coin::Usdc),
        _ => None,
    }
}

/// Reads a state; `None` for one that this version does not know.
#[must_use]
pub fn state_of(wire: buffa::EnumValue<v1::JobState>) -> Option<JobState> {
    let known = wire.as_known()?;
    JobState::ALL.iter().copied().find(|state| v1::JobState::from(*state) == known)
}

fn coin(wire: buffa::EnumValue<v1::Coin>) -> Result<Coin, SpecError> {
    coin_of(wire).ok_or(SpecError::NoCoin)
}

fn workload(wire: WireWorkload) -> Result<Workload, SpecError> {
    Ok(match wire {
        WireWorkload::Script(script) => Workload::Script(Script {
            entry: script.entry.parse()?,
            args: script.args,
            image: script.image,
            install_requirements: script.install_requirements,
        }),
        WireWorkload::Wasm(wasm) => Workload::Wasm(Wasm {
            artifact: wasm.artifact.parse()?,
            args: wasm.args,
            deterministic: wasm.deterministic,
        }),
    })
}

fn requirements(wire: v1::Requirements) -> Result<Requirements, SpecError> {
    Ok(Requirements {
        gpu: wire.gpu_type.parse()?,
        min_vram_mib: wire.min_vram_mib,
        cpu_milli: or(wire.cpu_milli, DEFAULT_CPU_MILLI),
        memory_mib: or(wire.memory_mib, DEFAULT_MEMORY_MIB),
        disk_mib: or(wire.disk_mib, DEFAULT_DISK_MIB),
    })
}

fn data_url(wire: v1::DataUrl) -> Result<DataUrl, SpecError> {
    let sha256 = wire.sha256.try_into().map_err(|_| SpecError::Digest(wire.path.clone()))?;
    Ok(DataUrl { url: wire.url, path: wire.path.parse()?, sha256, size: wire.size })
}

fn paths(wire: &[String]) -> Result<Vec<FilePath>, SpecError> {
    wire.iter().map(|path| path.parse().map_err(SpecError::from)).collect()
}

/// A number, or what stands for it where the caller left it out.
fn or<T: Default + PartialEq>(value: T, default: T) -> T {
    if value == T::default() { default } else { value }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use cyxwiz_model::Wanted;

    use super::*;

    fn spec() -> JobSpec {
        JobSpec {
            name: "train".to_owned(),
            workload: Workload::Script(Script {
                entry: "training_script.py".parse().unwrap(),
                args: vec!["--epochs".to_owned(), "3".to_owned()],
                image: "pytorch".to_owned(),
                install_requirements: true,
            }),
            requirements: Requirements {
                gpu: Wanted::Any,
                min_vram_mib: 8192,
                cpu_milli: 2000,
                memory_mib: 4096,
                disk_mib: 10_240,
            },
            max_price: HourlyPrice(1_000_000),
            timeout: Span::seconds(3600),
            coin: Coin::Sol,
            max_attempts: 2,
            env: BTreeMap::from([("SEED".to_owned(), "7".to_owned())]),
            expected_outputs: vec!["model.pt".parse().unwrap()],
            data_urls: vec![DataUrl {
                url: "https://example.org/data.tar".to_owned(),
                path: "data.tar".parse().unwrap(),
                sha256: [7; 32],
                size: 12,
            }],
        }
    }

    #[test]
    fn a_job_survives_the_wire() {
        assert_eq!(JobSpec::try_from(v1::JobSpec::from(&spec())), Ok(spec()));
        let wasm = Wasm { artifact: "x.wasm".parse().unwrap(), args: vec![], deterministic: true };
        let wasm = JobSpec { workload: Workload::Wasm(wasm), ..spec() };
        assert_eq!(JobSpec::try_from(v1::JobSpec::from(&wasm)), Ok(wasm));
    }

    #[test]
    fn what_is_left_out_is_named_or_filled_in() {
        let parsed = |change: fn(&mut v1::JobSpec)| {
            let mut wire = v1::JobSpec::from(&spec());
            change(&mut wire);
            JobSpec::try_from(wire)
        };
        assert_eq!(parsed(|wire| wire.workload = None), Err(SpecError::NoWorkload));
        assert_eq!(parsed(|wire| wire.coin = v1::Coin::Unspecified.into()), Err(SpecError::NoCoin));
        assert_eq!(parsed(|wire| wire.max_attempts = 0).map(|spec| spec.max_attempts), Ok(3));
        assert!(matches!(parsed(|wire| wire.requirements = Default::default()), Err(SpecError::Gpu(_))));
        let short = parsed(|wire| wire.data_urls.iter_mut().for_each(|data| data.sha256.truncate(20)));
        assert_eq!(short, Err(SpecError::Digest("data.tar".to_owned())));
    }

    #[test]
    fn states_and_coins_are_read_again() {
        for state in JobState::ALL {
            assert_eq!(state_of(v1::JobState::from(*state).into()), Some(*state));
        }
        for coin in Coin::ALL {
            assert_eq!(coin_of(v1::Coin::from(coin).into()), Some(coin));
        }
    }
}
