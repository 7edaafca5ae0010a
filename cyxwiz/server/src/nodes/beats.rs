use std::collections::HashMap;

use cyxwiz_model::{AttemptId, Moment, NodeId, SUSPECT_AFTER, Span};
use uuid::Uuid;

use crate::ServerError;
use crate::db::DbId as _;
use crate::market::Market;

/// Beats that are not in the tables yet. Lost with the server: the next beat then counts from what is stored.
#[derive(Debug, Default)]
pub(super) struct Beats {
    nodes: HashMap<NodeId, Moment>,
    runs: HashMap<AttemptId, Run>,
}

/// The beats of one run since the last flush, folded: what lies between them is counted as [`cyxwiz_model::Meter`] does.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    first: Moment,
    last: Moment,
    counted: Span,
    usage: Vec<u8>,
}

impl Run {
    fn beat(&mut self, now: Moment, usage: Vec<u8>) {
        if now > self.last {
            let silent = now.since(self.last);
            if silent <= SUSPECT_AFTER {
                self.counted = self.counted.plus(silent);
            }
            self.last = now;
        }
        self.usage = usage;
    }

    /// Two folds of one run, the earlier one first.
    fn then(mut self, later: Self) -> Self {
        if later.last <= self.last {
            return self;
        }
        let silent = later.first.since(self.last);
        let gap = if silent <= SUSPECT_AFTER { silent } else { Span::ZERO };
        self.counted = self.counted.plus(gap).plus(later.counted);
        Self { last: later.last, usage: later.usage, ..self }
    }
}

impl Beats {
    pub(super) fn node(&mut self, node: NodeId, now: Moment) {
        self.nodes.insert(node, now);
    }

    pub(super) fn run(&mut self, attempt: AttemptId, now: Moment, usage: Vec<u8>) {
        match self.runs.get_mut(&attempt) {
            Some(run) => run.beat(now, usage),
            None => {
                self.runs.insert(attempt, Run { first: now, last: now, counted: Span::ZERO, usage });
            }
        }
    }

    /// Puts back what could not be written.
    fn restore(&mut self, failed: Self) {
        for (node, at) in failed.nodes {
            self.nodes.entry(node).or_insert(at);
        }
        for (attempt, earlier) in failed.runs {
            let whole = match self.runs.remove(&attempt) {
                Some(later) => earlier.then(later),
                None => earlier,
            };
            self.runs.insert(attempt, whole);
        }
    }
}

/// Writes the beats since the last time: two statements, however many nodes there are.
///
/// # Errors
/// The database failed; the beats are kept for the next time.
pub async fn flush(market: &Market) -> Result<(), ServerError> {
    let _writing = market.streams.writing.lock().await;
    let beats = std::mem::take(&mut *market.streams.beats.lock());
    if beats.nodes.is_empty() && beats.runs.is_empty() {
        return Ok(());
    }
    let written = write(market, &beats).await;
    if written.is_err() {
        market.streams.beats.lock().restore(beats);
    }
    written
}

async fn write(market: &Market, beats: &Beats) -> Result<(), ServerError> {
    let (nodes, at): (Vec<Uuid>, Vec<i64>) = beats.nodes.iter().map(|(node, at)| (node.uuid(), at.0)).unzip();
    sqlx::query(
        "UPDATE node_beats b SET last_beat = greatest(b.last_beat, x.at), server_id = $3
         FROM unnest($1::uuid[], $2::bigint[]) AS x (id, at) WHERE b.node_id = x.id",
    )
    .bind(nodes)
    .bind(at)
    .bind(market.server)
    .execute(market.pool())
    .await?;
    if beats.runs.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = beats.runs.keys().map(|attempt| attempt.uuid()).collect();
    let runs: Vec<&Run> = beats.runs.values().collect();
    let firsts: Vec<i64> = runs.iter().map(|run| run.first.0).collect();
    let lasts: Vec<i64> = runs.iter().map(|run| run.last.0).collect();
    let counted: Vec<i64> = runs.iter().map(|run| i64::try_from(run.counted.0).unwrap_or(0)).collect();
    let usage: Vec<&[u8]> = runs.iter().map(|run| run.usage.as_slice()).collect();
    // what was written before, and whose answer was lost, is not counted twice
    sqlx::query(
        "UPDATE meters m SET last_at = x.last, usage = x.usage, counted_ms = m.counted_ms + CASE
            WHEN x.first <= m.last_at THEN least(x.counted, x.last - m.last_at)
            WHEN x.first - m.last_at <= $6 THEN x.first - m.last_at + x.counted
            ELSE x.counted END
         FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[])
            AS x (id, first, last, counted, usage)
         WHERE m.attempt_id = x.id AND m.ended_at IS NULL AND x.last > m.last_at",
    )
    .bind(ids)
    .bind(firsts)
    .bind(lasts)
    .bind(counted)
    .bind(usage)
    .bind(i64::try_from(SUSPECT_AFTER.0).unwrap_or(i64::MAX))
    .execute(market.pool())
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use cyxwiz_model::Meter;
    use proptest::prelude::*;

    use super::*;

    /// What the statement does with a fold.
    fn applied(meter: Meter, run: &Run) -> Meter {
        if run.last <= meter.last {
            return meter;
        }
        let gap = run.first.since(meter.last);
        let gap = if run.first > meter.last && gap <= SUSPECT_AFTER { gap } else { Span::ZERO };
        Meter { last: run.last, counted: meter.counted.plus(gap).plus(run.counted), ..meter }
    }

    proptest! {
        #[test]
        fn folded_beats_count_as_single_ones(
            gaps in proptest::collection::vec(1_i64..15_000, 1..40),
            flushes in proptest::collection::vec(proptest::bool::ANY, 40),
        ) {
            let (mut model, mut stored, mut now) = (Meter::start(Moment(0)), Meter::start(Moment(0)), 0);
            let (mut beats, attempt) = (Beats::default(), AttemptId::generate());
            for (gap, flush) in gaps.iter().zip(flushes) {
                now += gap;
                model = model.beat(Moment(now));
                beats.run(attempt, Moment(now), Vec::new());
                if flush {
                    stored = applied(stored, &beats.runs.remove(&attempt).unwrap());
                }
            }
            if let Some(run) = beats.runs.get(&attempt) {
                stored = applied(stored, run);
            }
            prop_assert_eq!(stored, model);
        }

        #[test]
        fn what_could_not_be_written_is_written_later(
            gaps in proptest::collection::vec(1_i64..15_000, 2..20),
            cut in 1_usize..19,
        ) {
            let (mut model, mut now, attempt) = (Meter::start(Moment(0)), 0, AttemptId::generate());
            let (mut early, mut late) = (Beats::default(), Beats::default());
            for (index, gap) in gaps.iter().enumerate() {
                now += gap;
                model = model.beat(Moment(now));
                let beats = if index < cut { &mut early } else { &mut late };
                beats.run(attempt, Moment(now), Vec::new());
            }
            late.restore(early);
            prop_assert_eq!(applied(Meter::start(Moment(0)), &late.runs[&attempt]), model);
        }
    }
}
