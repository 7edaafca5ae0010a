//! What a person reads before he says yes.

use cyxwiz_model::{HourlyPrice, JobSpec, Money, Wanted, Workload};
use cyxwiz_proto::v1::{EstimateJobResponse, Offer};

use crate::folder::Digested;
use crate::output::size;

/// Offers that are shown; the rest is counted.
const SHOWN: usize = 3;

/// What runs and what it needs, a line each.
pub(crate) fn job(spec: &JobSpec, files: &[Digested]) -> Vec<String> {
    let bytes = files.iter().map(|file| file.file.size).sum();
    let runs = match &spec.workload {
        Workload::Script(script) => {
            let requirements = if script.install_requirements { ", requirements.txt" } else { "" };
            format!("{} in {}{requirements}", script.entry, script.image)
        }
        Workload::Wasm(wasm) => {
            format!("{}{}", wasm.artifact, if wasm.deterministic { ", deterministic" } else { "" })
        }
    };
    let needs = &spec.requirements;
    let gpu = match &needs.gpu {
        Wanted::Any => "any GPU".to_owned(),
        Wanted::Type(gpu) if gpu.is_cpu() => "no GPU".to_owned(),
        Wanted::Type(gpu) => gpu.to_string(),
    };
    let vram =
        if needs.min_vram_mib > 0 { format!(" with {} MiB", needs.min_vram_mib) } else { String::new() };
    let cpus = f64::from(needs.cpu_milli) / 1000.0;
    let files = format!("{} file{}, {}", files.len(), if files.len() == 1 { "" } else { "s" }, size(bytes));
    vec![
        format!("job       {}: {runs}", spec.name),
        format!("files     {files}"),
        format!(
            "needs     {gpu}{vram}, {cpus} processors, {} MiB memory, {} MiB disk",
            needs.memory_mib, needs.disk_mib
        ),
        format!("at most   {} for {}", spec.max_price, span(spec.timeout.0)),
    ]
}

/// Offers, price, what it comes to.
pub(crate) fn estimate(
    said: &EstimateJobResponse,
    spec: &JobSpec,
    deposit: Money,
    limit: Money,
) -> Vec<String> {
    let mut lines = Vec::new();
    for (at, offer) in said.offers.iter().take(SHOWN).enumerate() {
        let label = if at == 0 { "offers    " } else { "          " };
        lines.push(format!("{label}{}", self::offer(offer)));
    }
    let more = (said.matching as usize).saturating_sub(said.offers.len().min(SHOWN));
    if more > 0 {
        lines.push(format!("          and {more} more"));
    }
    if said.queue_length > 0 {
        lines.push(format!("queue     {} before it", said.queue_length));
    }
    let price = said.quote.as_option().map_or(0, |quote| quote.micro_usd_per_hour);
    lines.push(format!("price     {}{}", HourlyPrice(price), cloud(said, price)));
    let whole =
        if limit.amount > deposit.amount { format!(", topped up to {limit} at most") } else { String::new() };
    lines.push(format!(
        "deposit   {deposit} for {}{whole}; what is not used comes back",
        span(spec.timeout.0)
    ));
    lines
}

/// The like at a large cloud.
fn cloud(said: &EstimateJobResponse, price: u64) -> String {
    let cloud = said.cloud_micro_usd_per_hour;
    if cloud == 0 {
        return String::new();
    }
    let less = cloud.checked_sub(price).map(|less| u128::from(less) * 100 / u128::from(cloud));
    let less = less.filter(|less| *less > 0).map(|less| format!(", {less} % less")).unwrap_or_default();
    format!("; {} costs {}{less}", said.cloud_offer, HourlyPrice(cloud))
}

fn offer(offer: &Offer) -> String {
    let vram = if offer.vram_mib > 0 { format!(" {} MiB", offer.vram_mib) } else { String::new() };
    let (cpus, price) = (f64::from(offer.cpu_milli) / 1000.0, HourlyPrice(offer.micro_usd_per_hour));
    format!("{}{vram}, {cpus} processors, {} MiB: {price}", offer.gpu_type, offer.memory_mib)
}

/// Why nothing matches, with what comes nearest.
pub(crate) fn near_misses(said: &EstimateJobResponse) -> Vec<String> {
    let nearest = said.nearest.iter().take(SHOWN);
    nearest.filter_map(|miss| Some(format!("  {}; {}", offer(miss.offer.as_option()?), miss.lacks))).collect()
}

/// Milliseconds as people say them.
pub(crate) fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, _) if ms < 10_000 => format!("{}.{} s", seconds, ms % 1000 / 100),
        (0, 0, s) => format!("{s} s"),
        (0, m, 0) => format!("{m} min"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, 0, 0) => format!("{h} h"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}
