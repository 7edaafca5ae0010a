//! What a GPU of a name can be: memory, compute capability, arithmetic. A claim outside is a lie, or a mistake.

use crate::GpuType;

/// What a driver tells of a GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GpuFigures {
    /// Memory, MiB.
    pub vram_mib: u64,
    /// Compute capability, major and minor.
    pub capability: (u32, u32),
    /// CUDA cores.
    pub cores: u32,
    /// The highest clock of its multiprocessors, MHz.
    pub clock_mhz: u32,
}

/// Why a GPU cannot be what it is called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GpuLie {
    /// The short name is another model's.
    #[error("a `{model}` is called {is}, not {said}")]
    Name {
        /// The driver's name.
        model: String,
        /// Its short name.
        is: String,
        /// The short name that was said.
        said: String,
    },
    /// The driver tells less than every driver tells.
    #[error("its driver tells no {0}")]
    Silent(&'static str),
    /// Memory.
    #[error("{gpu} has {} GiB of memory, this one says {said} MiB", list(.known))]
    Memory {
        /// The short name.
        gpu: GpuType,
        /// What there is, GiB.
        known: &'static [u32],
        /// What was said, MiB.
        said: u64,
    },
    /// Compute capability.
    #[error("{gpu} has compute capability {}.{}, this one says {}.{}", .known.0, .known.1, .said.0, .said.1)]
    Capability {
        /// The short name.
        gpu: GpuType,
        /// What it has.
        known: (u32, u32),
        /// What was said.
        said: (u32, u32),
    },
    /// Arithmetic.
    #[error("{gpu} computes about {known} GFLOPS of FP32, by its cores and clock this one computes {said}")]
    Speed {
        /// The short name.
        gpu: GpuType,
        /// By the vendor, GFLOPS.
        known: u64,
        /// What was said, GFLOPS.
        said: u64,
    },
    /// No GPU at all is like that.
    #[error("no GPU has {0}")]
    Absurd(String),
    /// Another one than was enrolled.
    #[error("{0}")]
    Other(String),
}

fn list(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(" or ")
}

/// A model: short names, memory it is sold with (GiB), compute capability, FP32 without tensor cores (GFLOPS).
type Known = (&'static [&'static str], &'static [u32], (u32, u32), u64);

/// Memory and FP32 by NVIDIA's data sheets and whitepapers of each generation (Turing TU102/TU104, Volta V100, Ampere
/// GA100/GA102, Hopper H100, Ada AD102, Blackwell RTX), compute capability by developer.nvidia.com/cuda-gpus. FP32 is at
/// boost clock, two operations a core and cycle.
const KNOWN: [Known; 35] = [
    (&["h200"], &[141], (9, 0), 66_900),
    (&["h200nvl"], &[141], (9, 0), 60_300),
    (&["h100", "h10080gbhbm3"], &[80], (9, 0), 66_900),
    (&["h100nvl"], &[94], (9, 0), 60_000),
    (&["h100pcie"], &[80], (9, 0), 51_200),
    (&["a100", "a100sxm440gb", "a100sxm480gb", "a100pcie40gb", "a10080gbpcie"], &[40, 80], (8, 0), 19_500),
    (&["v100", "v100sxm216gb", "v100sxm232gb"], &[16, 32], (7, 0), 15_700),
    (&["v100pcie16gb", "v100pcie32gb"], &[16, 32], (7, 0), 14_100),
    (&["t4"], &[16], (7, 5), 8_100),
    (&["l4"], &[24], (8, 9), 30_300),
    (&["l40"], &[48], (8, 9), 90_500),
    (&["l40s"], &[48], (8, 9), 91_600),
    (&["a10"], &[24], (8, 6), 31_200),
    (&["a10g"], &[24], (8, 6), 35_000),
    (&["a40"], &[48], (8, 6), 37_400),
    (&["rtxa6000"], &[48], (8, 6), 38_700),
    (&["rtx6000adageneration"], &[48], (8, 9), 91_100),
    (&["rtx5090"], &[32], (12, 0), 104_800),
    (&["rtx4090"], &[24], (8, 9), 82_600),
    (&["rtx4080"], &[16], (8, 9), 48_700),
    (&["rtx4070ti"], &[12], (8, 9), 40_100),
    (&["rtx4070"], &[12], (8, 9), 29_100),
    (&["rtx4060ti"], &[8, 16], (8, 9), 22_100),
    (&["rtx4060"], &[8], (8, 9), 15_100),
    (&["rtx3090ti"], &[24], (8, 6), 40_000),
    (&["rtx3090"], &[24], (8, 6), 35_600),
    (&["rtx3080ti"], &[12], (8, 6), 34_100),
    (&["rtx3080"], &[10, 12], (8, 6), 29_800),
    (&["rtx3070ti"], &[8], (8, 6), 21_700),
    (&["rtx3070"], &[8], (8, 6), 20_300),
    (&["rtx3060ti"], &[8], (8, 6), 16_200),
    (&["rtx3060"], &[8, 12], (8, 6), 12_700),
    (&["rtx2080ti"], &[11], (7, 5), 13_400),
    (&["rtx2080"], &[8], (7, 5), 10_100),
    (&["rtx2070"], &[8], (7, 5), 7_500),
];

/// A driver shows less than is sold (error correction takes a sixteenth) and never much more; in hundredths.
const MEMORY_BAND: (u64, u64) = (90, 103);
/// The highest clock is above the boost clock of the data sheet, by a quarter on consumers' cards; boards of one name
/// differ, too. In hundredths.
const SPEED_BAND: (u64, u64) = (70, 145);
/// Models that the table does not know: nothing is outside these, and below them nothing computes.
const MOST_VRAM_MIB: u64 = 1 << 20;
const MOST_GFLOPS: u64 = 1_000_000;

impl GpuFigures {
    /// FP32 by cores and clock, GFLOPS: two operations a core and cycle.
    #[must_use]
    pub const fn gflops(&self) -> u64 {
        self.cores as u64 * self.clock_mhz as u64 * 2 / 1000
    }
}

/// Whether a GPU can be what its driver calls it.
///
/// # Errors
/// The one thing that it cannot be.
pub fn check_gpu(model: &str, said: &GpuType, has: &GpuFigures) -> Result<(), GpuLie> {
    let is = GpuType::of_model(model).map_or_else(|_| String::new(), String::from);
    if is != said.as_str() {
        let (model, said) = (model.chars().take(100).collect(), said.to_string());
        return Err(GpuLie::Name { model, is, said });
    }
    for (figure, what) in
        [(has.vram_mib, "memory"), (has.cores.into(), "cores"), (has.clock_mhz.into(), "clock")]
    {
        if figure == 0 {
            return Err(GpuLie::Silent(what));
        }
    }
    if has.capability.0 == 0 {
        return Err(GpuLie::Silent("compute capability"));
    }
    let gflops = has.gflops();
    let Some((_, memory, capability, speed)) =
        KNOWN.iter().find(|(names, ..)| names.contains(&said.as_str()))
    else {
        return plausible(has, gflops);
    };
    let gpu = || said.clone();
    if !memory.iter().any(|gib| within(has.vram_mib, u64::from(*gib) << 10, MEMORY_BAND)) {
        return Err(GpuLie::Memory { gpu: gpu(), known: memory, said: has.vram_mib });
    }
    if has.capability != *capability {
        return Err(GpuLie::Capability { gpu: gpu(), known: *capability, said: has.capability });
    }
    if !within(gflops, *speed, SPEED_BAND) {
        return Err(GpuLie::Speed { gpu: gpu(), known: *speed, said: gflops });
    }
    Ok(())
}

/// A model that is newer, or rarer, than the table.
fn plausible(has: &GpuFigures, gflops: u64) -> Result<(), GpuLie> {
    if has.vram_mib > MOST_VRAM_MIB {
        return Err(GpuLie::Absurd(format!("{} MiB of memory", has.vram_mib)));
    }
    if gflops > MOST_GFLOPS {
        return Err(GpuLie::Absurd(format!("{gflops} GFLOPS of FP32")));
    }
    Ok(())
}

const fn within(value: u64, of: u64, (least, most): (u64, u64)) -> bool {
    value.saturating_mul(100) >= of * least && value.saturating_mul(100) <= of * most
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(vram_mib: u64, capability: (u32, u32), cores: u32, clock_mhz: u32) -> GpuFigures {
        GpuFigures { vram_mib, capability, cores, clock_mhz }
    }

    fn check(model: &str, has: GpuFigures) -> Result<(), GpuLie> {
        check_gpu(model, &GpuType::of_model(model).unwrap(), &has)
    }

    /// As NVML shows them.
    #[test]
    fn real_ones_pass() {
        for (model, has) in [
            ("NVIDIA H100 80GB HBM3", figures(81_559, (9, 0), 16_896, 1980)),
            ("NVIDIA H200", figures(143_771, (9, 0), 16_896, 1980)),
            ("NVIDIA A100-SXM4-80GB", figures(81_920, (8, 0), 6912, 1410)),
            ("NVIDIA A100-PCIE-40GB", figures(40_960, (8, 0), 6912, 1410)),
            ("Tesla V100-SXM2-16GB", figures(16_160, (7, 0), 5120, 1530)),
            ("Tesla T4", figures(15_360, (7, 5), 2560, 1590)),
            ("NVIDIA L4", figures(23_034, (8, 9), 7424, 2040)),
            ("NVIDIA A10G", figures(23_028, (8, 6), 9216, 1710)),
            ("NVIDIA GeForce RTX 4090", figures(24_564, (8, 9), 16_384, 3105)),
            ("NVIDIA GeForce RTX 3080", figures(10_240, (8, 6), 8704, 2100)),
            ("NVIDIA GeForce RTX 3060", figures(12_288, (8, 6), 3584, 2100)),
        ] {
            assert_eq!(check(model, has), Ok(()), "{model}");
        }
    }

    #[test]
    fn another_ones_memory_capability_or_speed_is_told() {
        const H100: &str = "NVIDIA H100 80GB HBM3";
        let said = |has| check(H100, has).unwrap_err().to_string();
        assert_eq!(
            said(figures(24_564, (9, 0), 16_896, 1980)),
            "h10080gbhbm3 has 80 GiB of memory, this one says 24564 MiB"
        );
        assert_eq!(
            said(figures(81_559, (8, 9), 16_896, 1980)),
            "h10080gbhbm3 has compute capability 9.0, this one says 8.9"
        );
        assert_eq!(
            said(figures(81_559, (9, 0), 3584, 2100)),
            "h10080gbhbm3 computes about 66900 GFLOPS of FP32, by its cores and clock this one computes 15052"
        );
        assert_eq!(said(figures(81_559, (9, 0), 0, 1980)), "its driver tells no cores");
        let h100: GpuType = "h10080gbhbm3".parse().unwrap();
        let lie = check_gpu("NVIDIA GeForce RTX 3060", &h100, &figures(81_559, (9, 0), 16_896, 1980));
        assert_eq!(
            lie.unwrap_err().to_string(),
            "a `NVIDIA GeForce RTX 3060` is called rtx3060, not h10080gbhbm3"
        );
    }

    /// No model passes for another of another generation, memory or class: only close relatives are left.
    #[test]
    fn who_has_one_model_cannot_claim_a_better_one() {
        for (names, memory, capability, speed) in KNOWN {
            for (others, other_memory, other_capability, other_speed) in KNOWN {
                let clock = u32::try_from(speed * 1000 / 2 / 1024).unwrap();
                let has = figures(u64::from(memory[0]) << 10, capability, 1024, clock);
                let claim: GpuType = others[0].parse().unwrap();
                if check_gpu(others[0], &claim, &has).is_ok() {
                    assert_eq!(capability, other_capability);
                    assert!(
                        other_memory.iter().any(|gib| gib.abs_diff(memory[0]) <= 2),
                        "{names:?} {others:?}"
                    );
                    assert!(other_speed * 10 <= speed * 15, "{names:?} passes for {others:?}");
                }
            }
        }
    }

    #[test]
    fn an_unknown_model_is_taken_for_itself_within_reason() {
        let new = |vram| check("NVIDIA X900", figures(vram, (13, 0), 30_000, 3000));
        assert_eq!(new(200_000), Ok(()));
        assert!(new(2_000_000).is_err());
    }
}
