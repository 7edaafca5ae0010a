//! What the engine is asked for. Everything that is not said here is the engine's own default, and denied.

use std::{collections::HashMap, time::Duration};

use bollard::models::{
    ContainerCreateBody, DeviceRequest, HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig, Mount,
    ResourcesUlimits,
};
use vyr_model::{EnvGrant, Limits};

use crate::{
    ContainerJob, ContainerOptions, Gpu, Network,
    egress::NETWORK,
    engine::sweep::{NODE, TASK},
    folders::Identity,
};

/// How likely the kernel is to choose a job when memory is short: before the node.
const OOM_SCORE: i64 = 500;
/// The most that counts of a grace.
const MAX_GRACE: Duration = Duration::from_secs(60);
/// What a job sees as its machine.
const HOSTNAME: &str = "job";
const HOME: &str = "/tmp";
/// A name server that does not answer holds a job up for seconds, not for the resolver's own twenty.
const PATIENCE: [&str; 2] = ["timeout:2", "attempts:2"];
/// Bytes by which a single file may pass the disk limit.
const BLOCK: i64 = 4096;

/// What one container is made of.
pub(crate) struct Wanted<'a> {
    pub(crate) job: &'a ContainerJob,
    pub(crate) options: &'a ContainerOptions,
    pub(crate) limits: &'a Limits,
    /// The task's arguments, after the job's own.
    pub(crate) args: &'a [String],
    pub(crate) env: &'a [EnvGrant],
    pub(crate) mounts: Vec<Mount>,
    pub(crate) identity: Identity,
    pub(crate) task: &'a str,
    pub(crate) stdin: bool,
    /// What the engine has.
    pub(crate) runtime: Option<String>,
    pub(crate) init: bool,
    /// Whether the kernel has IPv6, which jobs do not get.
    pub(crate) ipv6: bool,
    /// Files that the job may have open.
    pub(crate) open_files: u64,
    /// Processes that the job's user may have, all jobs together; each job has its own limit.
    pub(crate) processes: Option<u64>,
}

/// Time from SIGTERM to SIGKILL.
pub(crate) fn grace(job: &ContainerJob, options: &ContainerOptions) -> Duration {
    let asked = job.grace_ms.map(|millis| Duration::from_millis(millis.into()));
    asked.unwrap_or(options.grace).min(MAX_GRACE)
}

/// Writes the request.
pub(crate) fn create(wanted: Wanted<'_>) -> ContainerCreateBody {
    let job = wanted.job;
    let (program, rest) =
        job.command.split_first().map_or((None, &[][..]), |(first, rest)| (Some(first), rest));
    let labels = [(NODE, wanted.options.node.as_str()), (TASK, wanted.task)];
    ContainerCreateBody {
        hostname: Some(HOSTNAME.to_owned()),
        user: Some(format!("{}:{}", wanted.identity.uid, wanted.identity.gid)),
        attach_stdin: Some(wanted.stdin),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        open_stdin: Some(wanted.stdin),
        stdin_once: Some(wanted.stdin),
        tty: Some(false),
        env: Some(environment(job, wanted.env)),
        // both, so that the image's own say nothing
        entrypoint: Some(program.cloned().into_iter().collect()),
        cmd: Some(rest.iter().chain(wanted.args).cloned().collect()),
        image: Some(job.image.as_str().to_owned()),
        working_dir: Some(HOME.to_owned()),
        labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
        host_config: Some(host(wanted)),
        ..ContainerCreateBody::default()
    }
}

fn host(wanted: Wanted<'_>) -> HostConfig {
    let (job, options) = (wanted.job, wanted.options);
    let memory = signed(wanted.limits.memory_bytes);
    let tmp = options.tmp_bytes.min(wanted.limits.memory_bytes);
    // one that comes so far has passed the limit, and is seen to
    let disk = signed(job.disk_bytes).saturating_add(BLOCK);
    let files = signed(wanted.open_files);
    let mut ulimits = vec![ulimit("nofile", files), ulimit("core", 0), ulimit("fsize", disk)];
    ulimits.extend(wanted.processes.map(|most| ulimit("nproc", signed(most))));
    HostConfig {
        memory: Some(memory),
        memory_swap: Some(memory), // the sum of both: no swap
        nano_cpus: Some(i64::from(job.cpu_milli) * 1_000_000),
        pids_limit: Some(job.pids.into()),
        ulimits: Some(ulimits),
        oom_score_adj: Some(OOM_SCORE),
        shm_size: Some(signed(job.shm_bytes)),
        init: Some(wanted.init),
        mounts: Some(wanted.mounts),
        tmpfs: Some([("/tmp".to_owned(), format!("rw,nosuid,nodev,size={tmp},mode=1777"))].into()),
        readonly_rootfs: Some(true),
        cap_drop: Some(vec!["ALL".to_owned()]),
        // the engine's own seccomp profile holds as long as none is named
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        privileged: Some(false),
        network_mode: Some(match job.network {
            Network::None => "none".to_owned(),
            Network::Outbound => NETWORK.to_owned(),
        }),
        dns: (job.network == Network::Outbound).then(|| name_servers(options)),
        dns_options: (job.network == Network::Outbound).then(|| PATIENCE.map(str::to_owned).into()),
        sysctls: (job.network == Network::Outbound && wanted.ipv6)
            .then(|| HashMap::from([("net.ipv6.conf.all.disable_ipv6".to_owned(), "1".to_owned())])),
        publish_all_ports: Some(false),
        ipc_mode: Some("private".to_owned()),
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        device_requests: gpu(&job.gpu).map(|request| vec![request]),
        // NVIDIA's devices need the engine's own runtime
        runtime: if job.gpu == Gpu::None { wanted.runtime } else { None },
        // what is written is read at once and by nobody else: the engine keeps no copy that could fill its disk
        log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
        ..HostConfig::default()
    }
}

fn name_servers(options: &ContainerOptions) -> Vec<String> {
    options.name_servers.iter().filter(|server| server.is_ipv4()).map(ToString::to_string).collect()
}

fn gpu(gpu: &Gpu) -> Option<DeviceRequest> {
    let Gpu::Device(id) = gpu else { return None };
    let cdi = id.contains('=');
    Some(DeviceRequest {
        driver: Some(if cdi { "cdi" } else { "nvidia" }.to_owned()),
        device_ids: Some(vec![id.clone()]),
        capabilities: (!cdi).then(|| vec![vec!["gpu".to_owned()]]),
        ..DeviceRequest::default()
    })
}

fn ulimit(name: &str, value: i64) -> ResourcesUlimits {
    ResourcesUlimits { name: Some(name.to_owned()), soft: Some(value), hard: Some(value) }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// What every job has in its environment, and what it was granted over that.
fn environment(job: &ContainerJob, granted: &[EnvGrant]) -> Vec<String> {
    // else each library starts as many threads as the machine has processors, and they wait for each other
    let threads = (job.cpu_milli / 1000).max(1).to_string();
    let own = [
        ("HOME", HOME),
        ("USER", "job"),
        ("LOGNAME", "job"),
        ("TMPDIR", HOME),
        ("PYTHONUNBUFFERED", "1"), // else the first line comes when a buffer is full
        ("PYTHONDONTWRITEBYTECODE", "1"),
        ("OMP_NUM_THREADS", &threads),
        ("OPENBLAS_NUM_THREADS", &threads),
        ("MKL_NUM_THREADS", &threads),
    ];
    let unset = |(name, _): &(&str, &str)| !granted.iter().any(|env| env.name == *name);
    let own = own.into_iter().filter(unset).map(|(name, value)| format!("{name}={value}"));
    own.chain(granted.iter().map(|env| format!("{}={}", env.name, env.value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(change: impl FnOnce(&mut ContainerJob)) -> ContainerCreateBody {
        let image = format!("sha256:{}", "ab".repeat(32)).parse().unwrap();
        let mut job = ContainerJob::new(image, vec!["python3".into(), "-u".into()]);
        change(&mut job);
        create(Wanted {
            job: &job,
            options: &ContainerOptions::new("n".parse().unwrap()),
            limits: &Limits::default(),
            args: &["train.py".to_owned()],
            env: &["USER=me".parse().unwrap()],
            mounts: Vec::new(),
            identity: Identity { uid: 65_534, gid: 65_534 },
            task: "tsk_1",
            stdin: false,
            runtime: Some("runsc".to_owned()),
            init: true,
            ipv6: true,
            open_files: 1024,
            processes: None,
        })
    }

    #[test]
    fn a_job_is_locked_down() {
        let body = body(|_| ());
        let host = body.host_config.unwrap();
        assert_eq!(body.user.as_deref(), Some("65534:65534"));
        assert_eq!(
            (body.entrypoint, body.cmd),
            (Some(vec!["python3".to_owned()]), Some(vec!["-u".to_owned(), "train.py".to_owned()]))
        );
        assert_eq!((host.readonly_rootfs, host.privileged), (Some(true), Some(false)));
        assert_eq!(host.cap_drop, Some(vec!["ALL".to_owned()]));
        assert_eq!(host.security_opt, Some(vec!["no-new-privileges".to_owned()]));
        assert_eq!(host.memory, host.memory_swap);
        assert_eq!(host.network_mode.as_deref(), Some("none"));
        assert_eq!(host.runtime.as_deref(), Some("runsc"));
        assert!(host.cap_add.is_none() && host.devices.is_none() && host.port_bindings.is_none());
    }

    #[test]
    fn threads_follow_the_processors_and_a_grant_goes_before() {
        let env = body(|job| job.cpu_milli = 3500).env.unwrap();
        assert!(env.contains(&"OMP_NUM_THREADS=3".to_owned()), "{env:?}");
        assert_eq!(env.iter().filter(|env| env.starts_with("USER=")).collect::<Vec<_>>(), ["USER=me"]);
        assert!(body(|job| job.cpu_milli = 10).env.unwrap().contains(&"OMP_NUM_THREADS=1".to_owned()));
    }

    #[test]
    fn a_gpu_is_exactly_one_device() {
        let host = body(|job| job.gpu = Gpu::Device("GPU-1".into())).host_config.unwrap();
        let request = &host.device_requests.unwrap()[0];
        assert_eq!(request.device_ids, Some(vec!["GPU-1".to_owned()]));
        assert_eq!((request.count, host.runtime), (None, None));
        let cdi = body(|job| job.gpu = Gpu::Device("nvidia.com/gpu=0".into())).host_config.unwrap();
        assert_eq!(cdi.device_requests.unwrap()[0].driver.as_deref(), Some("cdi"));
    }

    #[test]
    fn a_grace_has_a_bound() {
        let image = format!("sha256:{}", "ab".repeat(32)).parse().unwrap();
        let mut job = ContainerJob::new(image, vec!["a".into()]);
        let mut options = ContainerOptions::new("n".parse().unwrap());
        assert_eq!(grace(&job, &options), Duration::from_secs(10));
        options.grace = Duration::from_secs(600);
        assert_eq!(grace(&job, &options), MAX_GRACE);
        job.grace_ms = Some(5);
        assert_eq!(grace(&job, &options), Duration::from_millis(5));
    }
}
