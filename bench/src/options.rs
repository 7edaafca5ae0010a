use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::run_options::RunOptions;

/// What of a VYR node is measured.
#[derive(Args, Clone)]
pub(crate) struct Options {
    /// The `vyr` binary to measure
    #[arg(long, env = "VYR_BIN")]
    pub(crate) vyr: PathBuf,
    /// Folder of the guest programs
    #[arg(long, env = "VYR_GUESTS")]
    pub(crate) guests: PathBuf,
    /// The `wasmtime` command to compare with [default: the one on PATH, else none]
    #[arg(long, env = "VYR_BENCH_WASMTIME")]
    pub(crate) wasmtime: Option<PathBuf>,
    /// Folder for the node's home; on the disk that is to be measured [default: the temporary folder]
    #[arg(long, env = "VYR_BENCH_DIR")]
    pub(crate) dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) run: RunOptions<Part>,
}

/// What can be measured by itself.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    Boot,
    Unseen,
    Cold,
    Warm,
    Throughput,
    Queue,
    Cancel,
    Neighbour,
    Telemetry,
    Oci,
    Peers,
}

impl Options {
    pub(crate) fn wants(&self, part: Part) -> bool {
        self.run.wants(part)
    }

    /// How many samples, tasks and repetitions.
    pub(crate) const fn sizes(&self) -> Sizes {
        if self.run.quick { Sizes::QUICK } else { Sizes::FULL }
    }
}

/// How much is measured.
pub(crate) struct Sizes {
    pub(crate) boot: usize,
    pub(crate) unseen: usize,
    /// Artifacts for the cold class; each gives one sample a node start.
    pub(crate) cold_artifacts: usize,
    pub(crate) cold_rounds: usize,
    pub(crate) warm: usize,
    pub(crate) throughput: usize,
    pub(crate) queue: usize,
    pub(crate) cancel: usize,
    pub(crate) neighbour: usize,
    pub(crate) telemetry_rounds: usize,
    pub(crate) telemetry_block: usize,
    pub(crate) wasmtime: usize,
    pub(crate) containers: usize,
    pub(crate) in_process: usize,
}

impl Sizes {
    const FULL: Self = Self {
        boot: 1_000,
        unseen: 100,
        cold_artifacts: 250,
        cold_rounds: 4,
        warm: 5_000,
        throughput: 50_000,
        queue: 50_000,
        cancel: 1_000,
        neighbour: 1_000,
        telemetry_rounds: 20,
        telemetry_block: 500,
        wasmtime: 1_000,
        containers: 200,
        in_process: 10_000,
    };
    const QUICK: Self = Self {
        boot: 20,
        unseen: 10,
        cold_artifacts: 20,
        cold_rounds: 2,
        warm: 1_000,
        throughput: 10_000,
        queue: 10_000,
        cancel: 100,
        neighbour: 200,
        telemetry_rounds: 6,
        telemetry_block: 200,
        wasmtime: 50,
        containers: 10,
        in_process: 1_000,
    };
}
