use std::{collections::HashMap, sync::Arc, time::Duration};

use bollard::models::{ContainerMemoryStats, ContainerNetworkStats, ContainerStatsResponse};
use vyr_model::TaskId;

/// What a job has used up to now, and uses now, by its cgroup's counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time.
    pub cpu: Duration,
    /// Bytes of memory, without pages of files that could be dropped.
    pub memory_bytes: u64,
    /// Processes and threads.
    pub pids: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
}

/// Takes a task's samples.
pub type OnUsage = Arc<dyn Fn(Option<TaskId>, Usage) + Send + Sync>;

impl From<&ContainerStatsResponse> for Usage {
    fn from(stats: &ContainerStatsResponse) -> Self {
        let cpu = stats.cpu_stats.as_ref().and_then(|cpu| cpu.cpu_usage.as_ref()?.total_usage);
        let networks: Vec<&ContainerNetworkStats> = stats.networks.iter().flat_map(HashMap::values).collect();
        let sum = |of: fn(&ContainerNetworkStats) -> Option<u64>| {
            networks.iter().filter_map(|network| of(network)).fold(0, u64::saturating_add)
        };
        Self {
            cpu: Duration::from_nanos(cpu.unwrap_or_default()),
            memory_bytes: stats.memory_stats.as_ref().map_or(0, held),
            pids: stats.pids_stats.as_ref().and_then(|pids| pids.current).unwrap_or_default(),
            rx_bytes: sum(|network| network.rx_bytes),
            tx_bytes: sum(|network| network.tx_bytes),
        }
    }
}

/// Memory less the file pages that the kernel would drop first, as `docker stats` counts it.
fn held(memory: &ContainerMemoryStats) -> u64 {
    let droppable = memory.stats.as_ref().and_then(|stats| {
        // cgroup v1, then v2
        stats.get("total_inactive_file").or_else(|| stats.get("inactive_file")).copied()
    });
    memory.usage.unwrap_or_default().saturating_sub(droppable.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_engine_says() {
        let text = r#"{
            "cpu_stats": {"cpu_usage": {"total_usage": 1500}},
            "memory_stats": {"usage": 1000, "stats": {"inactive_file": 1, "total_inactive_file": 300}},
            "pids_stats": {"current": 3},
            "networks": {"eth0": {"rx_bytes": 10, "tx_bytes": 1}, "eth1": {"rx_bytes": 5}}
        }"#;
        let stats: ContainerStatsResponse = serde_json::from_str(text).unwrap();
        let cpu = Duration::from_nanos(1500);
        let expected = Usage { cpu, memory_bytes: 700, pids: 3, rx_bytes: 15, tx_bytes: 1 };
        assert_eq!(Usage::from(&stats), expected);
        assert_eq!(Usage::from(&ContainerStatsResponse::default()), Usage::default());
    }
}
