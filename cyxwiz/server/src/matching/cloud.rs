use cyxwiz_model::{HourlyPrice, Requirements, Wanted};

/// GPUs whose place it takes, its name, micro-USD an hour.
type Machine = (&'static [&'static str], &'static str, u64);

/// On-demand list prices of whole machines at a large cloud (AWS, us-east-1, Linux), each with the GPU whose place it
/// takes. Shown to buyers as a comparison, never used in a charge.
static CLOUD: [Machine; 5] = [
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

/// What the like costs at a large cloud, an hour: for a GPU that is not on the list, the smallest machine with as much
/// memory as was asked for.
#[must_use]
pub fn cloud_price(wanted: &Requirements) -> (&'static str, HourlyPrice) {
    match &wanted.gpu {
        Wanted::Type(gpu) if gpu.is_cpu() => {
            let (offer, each) = CPU;
            (offer, HourlyPrice(each * u64::from(wanted.cpu_milli).div_ceil(1000)))
        }
        Wanted::Type(gpu) => {
            let found = CLOUD.iter().find(|(gpus, _, _)| gpus.contains(&gpu.as_str()));
            named(found.or_else(|| by_memory(wanted.min_vram_mib)))
        }
        Wanted::Any => named(by_memory(wanted.min_vram_mib)),
    }
}

/// The smallest that has the memory.
fn by_memory(min_vram_mib: u64) -> Option<&'static Machine> {
    CLOUD.get(match min_vram_mib {
        0..=16_384 => 0,
        16_385..=24_576 => 1,
        24_577..=40_960 => 3,
        _ => 4,
    })
}

fn named(machine: Option<&Machine>) -> (&'static str, HourlyPrice) {
    machine.map_or(("", HourlyPrice(0)), |(_, offer, price)| (*offer, HourlyPrice(*price)))
}

#[cfg(test)]
mod tests {
    use cyxwiz_model::GpuType;

    use super::*;

    #[test]
    fn every_wish_has_the_like_at_a_cloud() {
        let of = |gpu: &str, min_vram_mib: u64| {
            let gpu = Wanted::Type(gpu.parse::<GpuType>().unwrap());
            cloud_price(&Requirements { gpu, min_vram_mib, ..wanted() })
        };
        assert_eq!(of("rtx4090", 0).1, HourlyPrice(1_006_000));
        // cards that no cloud of the list rents
        assert_eq!(of("rtx5060", 0), by_vram(0));
        assert_eq!(of("rtxpro6000", 90_000), by_vram(90_000));
        for vram in [0, 16_384, 16_385, 30_000, 48_000, 200_000] {
            let (offer, price) = by_vram(vram);
            assert!(!offer.is_empty() && price.0 > 0, "{vram}");
        }
        let (offer, price) = of("cpu", 0);
        assert!(offer.contains("m5.large") && price.0 > 0);
    }

    fn by_vram(min_vram_mib: u64) -> (&'static str, HourlyPrice) {
        cloud_price(&Requirements { gpu: Wanted::Any, min_vram_mib, ..wanted() })
    }

    fn wanted() -> Requirements {
        Requirements { gpu: Wanted::Any, min_vram_mib: 0, cpu_milli: 1000, memory_mib: 1024, disk_mib: 1024 }
    }
}
