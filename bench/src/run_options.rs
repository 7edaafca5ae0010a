use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What every bench is asked: how much, which parts of it, and where the results go.
#[derive(Args, Clone)]
pub(crate) struct RunOptions<P: ValueEnum + Send + Sync + 'static> {
    /// Folder for results
    #[arg(long, default_value = "bench/results")]
    pub(crate) results: PathBuf,
    /// Take fewer samples: a look, no result
    #[arg(long)]
    pub(crate) quick: bool,
    /// Measure only these (repeat, or separate by commas)
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) only: Vec<P>,
    /// Write no files
    #[arg(long)]
    pub(crate) no_write: bool,
}

impl<P: ValueEnum + PartialEq + Send + Sync + 'static> RunOptions<P> {
    pub(crate) fn wants(&self, part: P) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}
