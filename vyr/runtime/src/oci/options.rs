use std::{path::PathBuf, time::Duration};

const MIB: u64 = 1 << 20;

/// How containers run on this host.
#[derive(Debug, Clone)]
pub struct OciOptions {
    /// The OCI runtime's program. Default: `runc`, else `crun`, found on `PATH`.
    pub runtime: Option<PathBuf>,
    /// The folder for unpacked images, bundles and the runtime's own state. One node's alone; made with mode
    /// 0700. Keep it on a disk.
    pub work_dir: PathBuf,
    /// Time between SIGTERM and SIGKILL when a task is cancelled; a program that does not handle SIGTERM gets
    /// SIGKILL at once. Default 2 seconds.
    pub grace: Duration,
    /// Processes and threads in one container. Default 256.
    pub pids: u32,
    /// Bytes of the private `/tmp` (and of `/dev/shm`), which count as memory. Default 64 MiB.
    pub tmp_bytes: u64,
    /// Unpacked images to keep; those in use stay beyond that. Default 32.
    pub max_images: usize,
    /// What unpacking one image may use.
    pub unpack: UnpackLimits,
}

/// What unpacking one image may use at most.
#[derive(Debug, Clone, Copy)]
pub struct UnpackLimits {
    /// Bytes of all layers, uncompressed. Default 16 GiB.
    pub bytes: u64,
    /// Entries of all layers. Default 1,000,000.
    pub entries: u64,
    /// Layers. Default 128.
    pub layers: usize,
    /// Bytes of the manifest, and of the config. Default 4 MiB.
    pub document_bytes: u64,
}

impl OciOptions {
    /// Returns the defaults for a work folder.
    pub fn new(work_dir: impl Into<PathBuf>) -> Self {
        Self {
            runtime: None,
            work_dir: work_dir.into(),
            grace: Duration::from_secs(2),
            pids: 256,
            tmp_bytes: 64 * MIB,
            max_images: 32,
            unpack: UnpackLimits::default(),
        }
    }
}

impl Default for UnpackLimits {
    fn default() -> Self {
        Self { bytes: 16 * 1024 * MIB, entries: 1_000_000, layers: 128, document_bytes: 4 * MIB }
    }
}
