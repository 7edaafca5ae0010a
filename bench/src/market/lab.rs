use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::market::{Platform, Postgres, Setup};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::options::{Options, Part, Sizes};
use crate::machine;

/// Milliseconds between two blocks: those of the public clusters.
const SLOT_MS: u64 = 400;

/// What all measurements share.
pub(super) struct Lab {
    pub(super) options: Options,
    pub(super) sizes: Sizes,
    begun: Instant,
}

impl Lab {
    pub(super) fn new(options: &Options) -> Self {
        // as many files as we may: each node of a fleet is a socket here and one at the server
        let limit = getrlimit(Resource::Nofile);
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
        Self { options: options.clone(), sizes: options.sizes(), begun: Instant::now() }
    }

    /// Measures one part where it is asked for.
    pub(super) fn part<T>(&self, part: Part, measure: impl FnOnce() -> Result<T>) -> Result<Option<T>> {
        let fleet = part == Part::Placements && self.options.wants(Part::Placements);
        if !self.options.wants(part) && !fleet {
            return Ok(None);
        }
        self.say(&format!("{part:?}"));
        let measured = measure();
        measured.map(Some)
    }

    /// Tells on stderr what is going on.
    pub(super) fn say(&self, what: &str) {
        machine::say(self.begun, what);
    }

    /// A platform whose chain has the blocks of a public one, with settings of the server.
    pub(super) fn platform(&self, settings: &[&str]) -> Platform {
        Platform::set_up(&Setup { slot_ms: SLOT_MS, settings, variables: &[], database: Postgres::Own })
    }
}

/// Time since 1970, milliseconds, as the server's tables have it.
pub(super) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap_or(Duration::ZERO).as_millis()).unwrap_or(i64::MAX)
}

/// What passed between two such times.
pub(super) fn span(from: i64, to: i64) -> Duration {
    Duration::from_millis(u64::try_from(to.saturating_sub(from)).unwrap_or(0))
}
