use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{HourlyPrice, NodeId};

/// A GPU's short name, such as `rtx4090`; `cpu` where there is none.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GpuType(String);

/// A text that is no GPU's short name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no GPU type: write lowercase letters and digits, such as rtx4090, or cpu")]
pub struct GpuTypeError(String);

impl GpuType {
    /// No GPU.
    #[must_use]
    pub fn cpu() -> Self {
        Self("cpu".to_owned())
    }

    /// Whether it stands for none.
    #[must_use]
    pub fn is_cpu(&self) -> bool {
        self.0 == "cpu"
    }

    /// From a driver's name: `NVIDIA GeForce RTX 4090` is `rtx4090`.
    ///
    /// # Errors
    /// Nothing is left of the name.
    pub fn of_model(model: &str) -> Result<Self, GpuTypeError> {
        const NOISE: [&str; 6] = ["nvidia", "geforce", "tesla", "quadro", "graphics", "amd"];
        let words = model.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_ascii_lowercase);
        let name: String = words.filter(|word| !NOISE.contains(&word.as_str())).collect();
        name.parse().map_err(|_| GpuTypeError(model.to_owned()))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for GpuType {
    type Err = GpuTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let well = (1..=32).contains(&text.len()) && text.chars().all(lower) && text != "any";
        if well { Ok(Self(text.to_owned())) } else { Err(GpuTypeError(text.chars().take(40).collect())) }
    }
}

impl TryFrom<String> for GpuType {
    type Error = GpuTypeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<GpuType> for String {
    fn from(gpu: GpuType) -> Self {
        gpu.0
    }
}

impl fmt::Display for GpuType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What one job may use of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    /// The GPU, or `cpu`.
    pub gpu: GpuType,
    /// Its memory, MiB.
    pub vram_mib: u64,
    /// Processors, thousandths.
    pub cpu_milli: u32,
    /// Memory, MiB.
    pub memory_mib: u64,
    /// Disk, MiB.
    pub disk_mib: u64,
    /// Runs containers, not only Wasm.
    pub containers: bool,
}

/// One free place of an available node: a GPU of it, or a processor slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The node.
    pub node: NodeId,
    /// Which of its places: a GPU's UUID, or nothing for a processor slot.
    pub gpu_uuid: String,
    /// What a job gets.
    pub capacity: Capacity,
    /// What an hour costs.
    pub price: HourlyPrice,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_names_become_short_ones() {
        let of = |model| GpuType::of_model(model).unwrap().to_string();
        assert_eq!(of("NVIDIA GeForce RTX 4090"), "rtx4090");
        assert_eq!(of("Tesla T4"), "t4");
        assert_eq!(of("NVIDIA A100-SXM4-80GB"), "a100sxm480gb");
        assert_eq!(of("NVIDIA H200"), "h200");
        assert!(GpuType::of_model("NVIDIA").is_err());
    }

    #[test]
    fn any_is_a_wish_not_a_gpu() {
        assert!("any".parse::<GpuType>().is_err());
        assert!("RTX4090".parse::<GpuType>().is_err());
        assert!("cpu".parse::<GpuType>().unwrap().is_cpu());
    }
}
