use anyhow::Result;
use serde::Serialize;

use crate::market::{database::Database, lab::span};
use crate::samples::{Latency, Samples};

/// Where the time of jobs goes, by the server's tables.
#[derive(Serialize)]
pub(crate) struct Timeline {
    /// The draft is there → the escrow is open and every file uploaded.
    pub(crate) draft: Latency,
    /// It waits → a node was chosen.
    pub(crate) queued: Latency,
    /// Chosen → the node took it.
    pub(crate) assigned: Latency,
    /// Taken → the script runs.
    pub(crate) prepared: Latency,
}

impl Timeline {
    /// Reads the first attempts of every job.
    pub(crate) fn read(database: &Database) -> Result<Self> {
        let rows = database.ask(
            "SELECT j.created_at, j.queued_at, a.assigned_at, a.accepted_at, m.started_at FROM jobs j
             JOIN attempts a ON a.job_id = j.id AND a.epoch = 1 JOIN meters m ON m.attempt_id = a.id
             ORDER BY j.created_at",
        )?;
        let mut steps: [Samples; 4] = Default::default();
        for row in &rows {
            let times: Vec<i64> = row.iter().filter_map(|field| field.parse().ok()).collect();
            for (step, pair) in steps.iter_mut().zip(times.windows(2)) {
                if let [from, to] = pair {
                    step.push(span(*from, *to));
                }
            }
        }
        let [draft, queued, assigned, prepared] = steps;
        Ok(Self {
            draft: draft.latency()?,
            queued: queued.latency()?,
            assigned: assigned.latency()?,
            prepared: prepared.latency()?,
        })
    }
}
