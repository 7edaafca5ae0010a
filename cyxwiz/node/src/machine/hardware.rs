use std::path::Path;

use cyxwiz_proto::v1;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use crate::config::Config;

/// What was found on this machine.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) cpu_model: String,
    pub(crate) cpu_milli: u32,
    pub(crate) memory_mib: u64,
    pub(crate) disk_mib: u64,
    pub(crate) gpus: Vec<v1::Gpu>,
    pub(crate) os: String,
    pub(crate) host: String,
}

impl Machine {
    /// Looks; `home` says on which disk jobs will lie.
    pub(crate) fn detect(home: &Path, gpus: Vec<v1::Gpu>) -> Self {
        let what = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing())
            .with_memory(MemoryRefreshKind::nothing().with_ram());
        // where a container or a unit limits this very process, its limit is what there is
        let (system, limited) = match System::new_with_specifics(what) {
            Ok(system) => {
                let limited = system.cgroup_limits().map(|limits| limits.total_memory);
                (Some(system), limited)
            }
            Err(_) => (None, None),
        };
        let memory = system.as_ref().map_or(0, System::total_memory);
        let memory = limited.filter(|limited| *limited > 0).map_or(memory, |limited| limited.min(memory));
        let cpu_model =
            system.as_ref().and_then(|system| system.cpus().first()).map(|cpu| cpu.brand().trim().to_owned());
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let or_unknown = |text: Result<String, sysinfo::Error>| text.unwrap_or_else(|_| "unknown".to_owned());
        Self {
            cpu_model: cpu_model.filter(|model| !model.is_empty()).unwrap_or_else(System::cpu_arch),
            cpu_milli: u32::try_from(cpus).unwrap_or(1).saturating_mul(1000),
            memory_mib: memory >> 20,
            disk_mib: free_disk_mib(home),
            gpus,
            os: format!(
                "{}, kernel {}",
                or_unknown(System::long_os_version()),
                or_unknown(System::kernel_version())
            ),
            host: or_unknown(System::host_name()),
        }
    }

    /// What is offered of it: the owner's limits, else all processors and four fifths of memory and disk.
    pub(crate) fn offered(
        &self,
        config: &Config,
        container_engine: &str,
        runtimes: &[String],
    ) -> v1::Hardware {
        let most = |limit: Option<u64>, has: u64| limit.map_or(has / 5 * 4, |limit| limit.min(has));
        v1::Hardware {
            cpu_model: self.cpu_model.clone(),
            cpu_milli: config.cpu_milli.map_or(self.cpu_milli, |limit| limit.min(self.cpu_milli)),
            memory_mib: most(config.memory_mib, self.memory_mib),
            disk_mib: most(config.disk_mib, self.disk_mib),
            gpus: self.gpus.clone(),
            os: self.os.clone(),
            container_engine: container_engine.to_owned(),
            runtimes: runtimes.to_vec(),
            ..Default::default()
        }
    }
}

/// What is free on the disk of `path`, MiB.
pub(crate) fn free_disk_mib(path: &Path) -> u64 {
    let existing = path.ancestors().find(|path| path.exists()).unwrap_or(path);
    rustix::fs::statvfs(existing).map_or(0, |stat| stat.f_bavail.saturating_mul(stat.f_frsize) >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_something_and_limits_are_kept() {
        let machine = Machine::detect(Path::new("/"), Vec::new());
        assert!(machine.cpu_milli >= 1000 && machine.memory_mib > 64, "{machine:?}");
        let wallet = "9vMJfxuKxXBoEa7rM12mYLMwTacLMLDJqHozw96WQL8i".to_owned();
        let config =
            Config { cpu_milli: Some(500), memory_mib: Some(64), ..Config::new("n".to_owned(), wallet) };
        let offered = machine.offered(&config, "", &[]);
        assert_eq!((offered.cpu_milli, offered.memory_mib), (500, 64));
        assert_eq!(offered.disk_mib, machine.disk_mib / 5 * 4);
    }
}
