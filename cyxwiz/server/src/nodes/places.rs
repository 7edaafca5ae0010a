use cyxwiz_model::{Capacity, GpuType, GpuTypeError};
use cyxwiz_proto::v1::Hardware;

/// A place for one job: a GPU, or a processor slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its name within the node.
    pub name: String,
    /// The GPU's UUID; empty for a slot.
    pub gpu_uuid: String,
    /// What a job gets there.
    pub capacity: Capacity,
}

/// Divides a node: a place a GPU with its share of the rest; without GPUs as many slots as its owner wants.
///
/// # Errors
/// A GPU whose short name is none.
pub fn places(hardware: &Hardware, cpu_slots: u32) -> Result<Vec<Place>, GpuTypeError> {
    let containers = !hardware.container_engine.is_empty();
    let share = |parts: u32, gpu: GpuType, vram_mib: u64| Capacity {
        gpu,
        vram_mib,
        cpu_milli: hardware.cpu_milli / parts.max(1),
        memory_mib: hardware.memory_mib / u64::from(parts.max(1)),
        disk_mib: hardware.disk_mib / u64::from(parts.max(1)),
        containers,
    };
    if hardware.gpus.is_empty() {
        let slots = cpu_slots.clamp(1, 64);
        let slot = |number| Place {
            name: format!("cpu{number}"),
            gpu_uuid: String::new(),
            capacity: share(slots, GpuType::cpu(), 0),
        };
        return Ok((0..slots).map(slot).collect());
    }
    let parts = u32::try_from(hardware.gpus.len()).unwrap_or(u32::MAX);
    let place = |gpu: &cyxwiz_proto::v1::Gpu| {
        let gpu_type: GpuType = gpu.gpu_type.parse()?;
        let capacity = share(parts, gpu_type, gpu.vram_mib);
        Ok(Place { name: gpu.uuid.clone(), gpu_uuid: gpu.uuid.clone(), capacity })
    };
    hardware.gpus.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use cyxwiz_proto::v1::Gpu;

    use super::*;

    fn machine(gpus: usize) -> Hardware {
        let gpu = |index: usize| Gpu {
            uuid: format!("GPU-{index}"),
            gpu_type: "rtx4090".to_owned(),
            vram_mib: 24_576,
            ..Default::default()
        };
        Hardware {
            cpu_milli: 8000,
            memory_mib: 16_384,
            disk_mib: 100_000,
            gpus: (0..gpus).map(gpu).collect(),
            container_engine: "docker 20".to_owned(),
            ..Default::default()
        }
    }

    #[test]
    fn each_gpu_is_a_place_with_its_share() {
        let places = places(&machine(2), 5).unwrap();
        assert_eq!(places.len(), 2);
        assert_eq!(places[0].capacity.cpu_milli, 4000);
        assert_eq!(places[1].gpu_uuid, "GPU-1");
    }

    #[test]
    fn a_node_without_gpus_has_slots() {
        let divided = places(&machine(0), 4).unwrap();
        assert_eq!(divided.len(), 4);
        assert!(divided.iter().all(|place| place.capacity.memory_mib == 4096 && place.capacity.gpu.is_cpu()));
        assert_eq!(places(&machine(0), 0).unwrap().len(), 1);
    }
}
