use cyxwiz_model::GpuType;
use cyxwiz_proto::v1;
use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::Clock;

/// The machine's GPUs. Without a driver there are none, which is a normal answer.
pub(crate) struct Gpus(Option<Nvml>);

/// What a GPU does now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct GpuUse {
    pub(crate) percent: Option<u32>,
    pub(crate) memory_bytes: Option<u64>,
}

impl Gpus {
    pub(crate) fn detect() -> Self {
        match Nvml::init() {
            Ok(nvml) => Self(Some(nvml)),
            Err(error) => {
                tracing::debug!(%error, "no NVIDIA driver: the node offers processors alone");
                Self(None)
            }
        }
    }

    /// Every device that tells its name, memory and UUID.
    pub(crate) fn list(&self) -> Vec<v1::Gpu> {
        let Some(nvml) = &self.0 else { return Vec::new() };
        let count = nvml.device_count().unwrap_or(0);
        (0..count).filter_map(|index| describe(nvml, index)).collect()
    }

    pub(crate) fn usage(&self, uuid: &str) -> GpuUse {
        let device = self.0.as_ref().and_then(|nvml| nvml.device_by_uuid(uuid).ok());
        device.map_or_else(GpuUse::default, |device| GpuUse {
            percent: device.utilization_rates().ok().map(|rates| rates.gpu),
            memory_bytes: device.memory_info().ok().map(|memory| memory.used),
        })
    }
}

fn describe(nvml: &Nvml, index: u32) -> Option<v1::Gpu> {
    let device = nvml.device_by_index(index).ok()?;
    let (uuid, model) = (device.uuid().ok()?, device.name().ok()?);
    let gpu_type = GpuType::of_model(&model).ok()?.to_string();
    let vram_mib = device.memory_info().ok()?.total >> 20;
    // what the driver does not tell is left out: the server says what it misses, where a GPU that is not offered says nothing
    let capability = device.cuda_compute_capability().ok();
    let capability = capability.map(|has| format!("{}.{}", has.major, has.minor)).unwrap_or_default();
    Some(v1::Gpu {
        uuid,
        model,
        gpu_type,
        vram_mib,
        compute_capability: capability,
        cores: device.num_cores().unwrap_or(0),
        max_clock_mhz: device.max_clock_info(Clock::SM).unwrap_or(0),
        ..Default::default()
    })
}
