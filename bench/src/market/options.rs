use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::run_options::RunOptions;

/// What of the market is measured. Binaries, image and engine are found as the tests find them (`CYXWIZ_*`).
#[derive(Args, Clone)]
pub(crate) struct Options {
    /// Nodes that attend one server [default: 10000, with --quick 500]
    #[arg(long)]
    pub(crate) nodes: Option<usize>,
    /// The compiled tests of the market's rules: they settle a million jobs
    #[arg(long, env = "CYXWIZ_BENCH_RULES")]
    pub(crate) rules: Option<PathBuf>,
    /// File trees of distributions on which a node is installed (repeat, or separate by commas)
    #[arg(long, env = "CYXWIZ_BENCH_DISTRIBUTIONS", value_delimiter = ',')]
    pub(crate) distributions: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) run: RunOptions<Part>,
}

/// What can be measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    Settlement,
    Start,
    Installs,
    FirstLine,
    Screen,
    Chain,
    Lost,
    Success,
    Earnings,
    Scale,
    Placements,
}

impl Options {
    pub(super) fn wants(&self, part: Part) -> bool {
        self.run.wants(part)
    }

    /// How many samples, nodes and jobs.
    pub(super) fn sizes(&self) -> Sizes {
        let sizes = if self.run.quick { Sizes::QUICK } else { Sizes::FULL };
        Sizes { nodes: self.nodes.unwrap_or(sizes.nodes), ..sizes }
    }
}

/// How much is measured.
pub(super) struct Sizes {
    pub(super) nodes: usize,
    /// Nodes that pass the benchmark itself.
    pub(super) benchmarked: usize,
    /// Seconds in which beats are counted.
    pub(super) beating: u64,
    pub(super) placed: usize,
    pub(super) first_line: usize,
    pub(super) lines: usize,
    /// Nodes that die at once, and as many that take over; so many times.
    pub(super) dying: usize,
    pub(super) deaths: usize,
    pub(super) jobs: usize,
    /// Jobs whose node's earnings are compared with what it could expect, and how long each runs, seconds.
    pub(super) paid: usize,
    pub(super) paid_seconds: u64,
    pub(super) starts: usize,
}

impl Sizes {
    const FULL: Self = Self {
        nodes: 10_000,
        benchmarked: 20,
        beating: 60,
        placed: 5_000,
        first_line: 30,
        lines: 600,
        dying: 5,
        deaths: 5,
        jobs: 1_000,
        paid: 3,
        paid_seconds: 60,
        starts: 5,
    };
    const QUICK: Self = Self {
        nodes: 500,
        benchmarked: 3,
        beating: 15,
        placed: 400,
        first_line: 3,
        lines: 50,
        dying: 2,
        deaths: 1,
        jobs: 20,
        paid: 1,
        paid_seconds: 20,
        starts: 1,
    };
}
