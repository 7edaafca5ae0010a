//! Whether this node takes an assignment now. Pure.

use crate::job::Job;

/// How things stand on the node.
#[derive(Clone, Debug, Default)]
pub(super) struct Situation {
    pub(super) stopping: bool,
    pub(super) containers: bool,
    pub(super) cpu_slots: usize,
    pub(super) cpu_jobs: usize,
    pub(super) gpus: Vec<String>,
    pub(super) gpus_in_use: Vec<String>,
    pub(super) free_disk_mib: u64,
    pub(super) memory_mib: u64,
}

/// Why this node does not take an assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct No {
    /// For people.
    pub(super) reason: String,
    /// Only for now: what ran there has ended, and is still being cleared away.
    pub(super) busy: bool,
}

/// Says why not; nothing where it does.
pub(super) fn refusal(job: &Job, now: &Situation) -> Option<No> {
    let no = |reason: String| Some(No { reason, busy: false });
    let busy = |reason: String| Some(No { reason, busy: true });
    if now.stopping {
        return no("the agent is stopping".to_owned());
    }
    if job.spec.workload.needs_containers() && !now.containers {
        return no("this node runs no containers".to_owned());
    }
    match &job.gpu_uuid {
        Some(uuid) if !now.gpus.contains(uuid) => return no(format!("this node has no GPU {uuid}")),
        Some(uuid) if now.gpus_in_use.contains(uuid) => return busy(format!("the GPU {uuid} is in use")),
        None if now.cpu_jobs >= now.cpu_slots => {
            return busy(format!("all {} processor slots are in use", now.cpu_slots));
        }
        _ => {}
    }
    let wanted = &job.spec.requirements;
    if wanted.memory_mib > now.memory_mib {
        return no(format!("it has {} MiB of memory, {} are wanted", now.memory_mib, wanted.memory_mib));
    }
    if wanted.disk_mib > now.free_disk_mib {
        return no(format!("it has {} MiB of disk free, {} are wanted", now.free_disk_mib, wanted.disk_mib));
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use cyxwiz_model::{
        AttemptId, Coin, GpuType, HourlyPrice, JobId, JobSpec, Requirements, Span, Wanted, Wasm, Workload,
    };

    use super::*;

    fn job(gpu_uuid: Option<&str>) -> Job {
        Job {
            attempt: AttemptId::generate(),
            epoch: 1,
            job: JobId::generate(),
            spec: JobSpec {
                name: "x".to_owned(),
                workload: Workload::Wasm(Wasm {
                    artifact: "a.wasm".parse().unwrap(),
                    args: vec![],
                    deterministic: false,
                }),
                requirements: Requirements {
                    gpu: Wanted::Type(GpuType::cpu()),
                    min_vram_mib: 0,
                    cpu_milli: 1000,
                    memory_mib: 512,
                    disk_mib: 100,
                },
                max_price: HourlyPrice(1),
                timeout: Span::seconds(1),
                coin: Coin::Usdc,
                max_attempts: 1,
                env: BTreeMap::new(),
                expected_outputs: vec![],
                data_urls: vec![],
            },
            inputs: vec![],
            checkpoint: vec![],
            image: String::new(),
            gpu_uuid: gpu_uuid.map(str::to_owned),
            upload_token: String::new(),
            timeout: Duration::from_secs(1),
            traceparent: String::new(),
            max_output_bytes: 1,
            max_log_bytes: 1,
            checkpoint_every: Duration::from_secs(1),
        }
    }

    fn idle() -> Situation {
        let gpus = vec!["GPU-1".to_owned()];
        Situation { cpu_slots: 2, gpus, free_disk_mib: 100, memory_mib: 512, ..Situation::default() }
    }

    #[test]
    fn takes_what_fits() {
        assert_eq!(refusal(&job(None), &idle()), None);
        assert_eq!(refusal(&job(Some("GPU-1")), &Situation { cpu_jobs: 2, ..idle() }), None);
    }

    #[test]
    fn refuses_with_a_reason() {
        let no = |job: &Job, now: Situation| {
            let no = refusal(job, &now).unwrap();
            assert!(!no.busy, "{no:?}");
            no.reason
        };
        assert!(no(&job(None), Situation { stopping: true, ..idle() }).contains("stopping"));
        assert!(no(&job(Some("GPU-2")), idle()).contains("no GPU GPU-2"));
        assert!(no(&job(None), Situation { memory_mib: 511, ..idle() }).contains("memory"));
        assert!(no(&job(None), Situation { free_disk_mib: 99, ..idle() }).contains("disk"));
    }

    #[test]
    fn a_place_that_is_taken_is_so_for_now() {
        let slots = refusal(&job(None), &Situation { cpu_jobs: 2, ..idle() }).unwrap();
        assert!(slots.busy && slots.reason.contains("all 2 processor slots"), "{slots:?}");
        let taken = Situation { gpus_in_use: vec!["GPU-1".to_owned()], ..idle() };
        let gpu = refusal(&job(Some("GPU-1")), &taken).unwrap();
        assert!(gpu.busy && gpu.reason.contains("in use"), "{gpu:?}");
    }
}
