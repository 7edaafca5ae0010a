//! From what was said and what lies there to a job that may be sent. Pure.

use cyxwiz_model::{
    Coin, DEFAULT_ATTEMPTS, FilePath, GpuType, HourlyPrice, JobSpec, Money, Requirements, Script, Span,
    Wanted, Wasm, Workload,
};

use super::JobError;
use super::settings::{Budget, Settings};
use super::walk::LocalFile;

const DEFAULT_ENTRY: &str = "training_script.py";
const DEFAULT_PRICE: HourlyPrice = HourlyPrice(1_000_000);
const DEFAULT_TIMEOUT: Span = Span::seconds(3600);
const REQUIREMENTS: &str = "requirements.txt";
const MAX_NAME: usize = 100;

/// `name` and `place` are those of the folder; data is wanted where a script has a folder.
pub(super) fn spec(
    said: Settings,
    files: &[LocalFile],
    name: &str,
    place: &str,
    wants_data: bool,
) -> Result<(JobSpec, Budget), JobError> {
    let entry: FilePath = said.entry.as_deref().unwrap_or(DEFAULT_ENTRY).parse()?;
    let there = |path: &str| files.iter().any(|file| file.path.as_str() == path);
    if !there(entry.as_str()) {
        return Err(JobError::NoEntry { place: place.to_owned(), entry: entry.to_string() });
    }
    let args = said.args.unwrap_or_default();
    let (workload, gpu) = match entry.as_str().rsplit_once('.').map(|(_, end)| end) {
        Some("wasm") => {
            let deterministic = said.deterministic.unwrap_or(false);
            (Workload::Wasm(Wasm { artifact: entry, args, deterministic }), Wanted::Type(GpuType::cpu()))
        }
        Some("py") => {
            let image = said.image.unwrap_or_else(|| "pytorch".to_owned());
            let script = Script { entry, args, image, install_requirements: there(REQUIREMENTS) };
            (Workload::Script(script), Wanted::Any)
        }
        _ => return Err(JobError::EntryKind(entry.to_string())),
    };
    let data_urls = said.data_urls.unwrap_or_default();
    if wants_data && workload.needs_containers() && data_urls.is_empty() && !said.no_data.unwrap_or(false) {
        data(files, place)?;
    }
    let coin = said.coin.unwrap_or(Coin::Usdc);
    let budget = budget(said.deposit.as_deref(), said.limit.as_deref(), coin)?;
    let spec = JobSpec {
        name: said.name.unwrap_or_else(|| short(name)),
        workload,
        requirements: Requirements {
            gpu: said.gpu_type.map_or(Ok(gpu), |gpu| gpu.parse()).map_err(cyxwiz_model::SpecError::from)?,
            min_vram_mib: said.min_vram_mib.unwrap_or(0),
            cpu_milli: said.cpu_milli.unwrap_or(1000),
            memory_mib: said.memory_mib.unwrap_or(1024),
            disk_mib: said.disk_mib.unwrap_or(10_240),
        },
        max_price: said.max_price.unwrap_or(DEFAULT_PRICE),
        timeout: said.timeout.unwrap_or(DEFAULT_TIMEOUT),
        coin,
        max_attempts: said.max_attempts.unwrap_or(DEFAULT_ATTEMPTS),
        env: said.env,
        expected_outputs: said
            .outputs
            .unwrap_or_default()
            .iter()
            .map(|path| path.parse())
            .collect::<Result<_, _>>()?,
        data_urls,
    };
    spec.check()?;
    Ok((spec, budget))
}

fn data(files: &[LocalFile], place: &str) -> Result<(), JobError> {
    if files.iter().any(|file| file.path.as_str().starts_with("data/")) {
        return Ok(());
    }
    Err(JobError::NoData(place.to_owned()))
}

fn budget(deposit: Option<&str>, limit: Option<&str>, coin: Coin) -> Result<Budget, JobError> {
    let read = |text: Option<&str>| text.map(|text| Money::parse(text, coin)).transpose();
    let (deposit, limit) = (read(deposit)?, read(limit)?);
    match (deposit, limit) {
        (Some(deposit), Some(limit)) if limit.amount < deposit.amount => {
            Err(JobError::LimitBelowDeposit { deposit, limit })
        }
        (deposit, limit) => Ok(Budget { deposit, limit }),
    }
}

/// A folder's name, as far as it is fit for a job's.
fn short(name: &str) -> String {
    let name: String = name.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
    if name.trim().is_empty() { "job".to_owned() } else { name }
}
