//! Ids of the spans of a job's trace. They follow from what is told of, so that whoever ends something can tell of it,
//! whoever began it, and two who tell the same name the same.

use sha2::{Digest as _, Sha256};
pub use vyr_model::{SpanId, TraceId};

use crate::{AttemptId, JobId};

/// The span of a job, from its creation to its end.
#[must_use]
pub const fn job_span(job: JobId) -> SpanId {
    tail(job.as_bytes())
}

/// The span of an attempt, from its assignment to its end. A node is told it, and hangs its own spans below.
#[must_use]
pub const fn attempt_span(attempt: AttemptId) -> SpanId {
    tail(attempt.as_bytes())
}

/// The span of something that belongs to another, by a name that is unique there.
#[must_use]
pub fn part_span(of: SpanId, part: &str) -> SpanId {
    let digest: [u8; 32] = Sha256::new().chain_update(of.0).chain_update(part).finalize().into();
    let [first, rest @ ..] = digest.first_chunk::<8>().copied().unwrap_or_default();
    // an id of zeroes is none
    let [a, b, c, d, e, f, g] = rest;
    SpanId([first | 1, a, b, c, d, e, f, g])
}

/// The half of an id that chance made; its first bits are never zero.
const fn tail(id: &[u8; 16]) -> SpanId {
    let [.., a, b, c, d, e, f, g, h] = *id;
    SpanId([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_span_has_its_own_id_and_always_the_same() {
        let mut seen = HashSet::new();
        for _ in 0..1000 {
            let (job, attempt) = (JobId::generate(), AttemptId::generate());
            let ids = [
                job_span(job),
                attempt_span(attempt),
                part_span(job_span(job), "a"),
                part_span(job_span(job), "b"),
                part_span(attempt_span(attempt), "a"),
            ];
            assert_eq!(part_span(job_span(job), "a"), ids[2]);
            assert!(ids.into_iter().all(|id| id.0 != [0; 8] && seen.insert(id)), "{ids:?}");
        }
    }
}
