use cyxwiz_model::{HourlyPrice, Requirements, Wanted};

/// On-demand list prices of whole machines at a large cloud (AWS, us-east-1, Linux), each with the GPU whose place it
/// takes. Shown to buyers as a comparison, never used in a charge.
const CLOUD: [(&[&str], &str, u64); 5] = [
    (&["t4", "rtx2080", "rtx3060", "rtx3070"], "AWS g4dn.xlarge (T4), list price of 2024-06", 526_000),
    (
        &["rtx3080", "rtx3090", "a10", "a10g", "l4", "rtx4080", "rtx4090"],
        "AWS g5.xlarge (A10G), list price of 2024-06",
        1_006_000,
    ),
    (&["v100"], "AWS p3.2xlarge (V100), list price of 2024-06", 3_060_000),
    (
        &["a100", "a100sxm440gb", "a100pcie40gb"],
        "an eighth of AWS p4d.24xlarge (A100), list price of 2024-06",
        4_096_000,
    ),
    (
        &["h100", "h100pcie", "h10080gbhbm3", "h200"],
        "an eighth of AWS p5.48xlarge (H100), list price of 2024-06",
        12_290_000,
    ),
];
/// A processor: half of an m5.large, which has two.
const CPU: (&str, u64) = ("AWS m5.large, by the processor, list price of 2024-06", 48_000);

/// What the like costs at a large cloud, an hour; nothing where no list price is known.
#[must_use]
pub fn cloud_price(wanted: &Requirements) -> (&'static str, HourlyPrice) {
    match &wanted.gpu {
        Wanted::Type(gpu) if gpu.is_cpu() => {
            let (offer, each) = CPU;
            (offer, HourlyPrice(each * u64::from(wanted.cpu_milli).div_ceil(1000)))
        }
        Wanted::Type(gpu) => {
            let found = CLOUD.iter().find(|(gpus, _, _)| gpus.contains(&gpu.as_str()));
            found.map_or(("", HourlyPrice(0)), |(_, offer, price)| (*offer, HourlyPrice(*price)))
        }
        // the smallest that has the memory
        Wanted::Any => match wanted.min_vram_mib {
            0..=16_384 => CLOUD.first(),
            16_385..=24_576 => CLOUD.get(1),
            24_577..=40_960 => CLOUD.get(3),
            _ => CLOUD.get(4),
        }
        .map_or(("", HourlyPrice(0)), |(_, offer, price)| (*offer, HourlyPrice(*price))),
    }
}
