use std::collections::{HashMap, HashSet};

use cyxwiz_model::{AttemptId, Epoch, JobId, JobState, NodeId};
use cyxwiz_proto::v1;

use super::assignment::assignment;
use super::attempt::{Attempt, open_attempts};
use super::streams::Told;
use crate::ServerError;
use crate::jobs::{Job, by_ids};
use crate::market::{Links, Market};
use crate::refusal::chain_of;

/// Between SIGTERM and SIGKILL.
const GRACE_SECONDS: u32 = 60;
/// Files of assignments that are held in memory together: a job may have 10,000. One job's are always read whole.
const MAX_FILES: u64 = 20_000;

/// An attempt to be told, and its job.
type Work<'a> = (&'a Attempt, Job);

/// Tells nodes what they were not told yet: attempts to take, to stop, to drop. Each thing is read for all of them at once.
///
/// # Errors
/// The database failed.
pub(crate) async fn deliver(market: &Market, nodes: &[NodeId]) -> Result<(), ServerError> {
    let nodes: Vec<NodeId> = nodes.iter().copied().filter(|node| market.streams.holds(*node)).collect();
    if nodes.is_empty() {
        return Ok(());
    }
    let open = open_attempts(market.pool(), &nodes).await?;
    let mut ids: HashMap<NodeId, HashSet<AttemptId>> =
        nodes.iter().map(|node| (*node, HashSet::new())).collect();
    for attempt in &open {
        ids.entry(attempt.node).or_default().insert(attempt.id);
    }
    for (node, ids) in &ids {
        for gone in market.streams.fenced(*node, ids) {
            market.streams.send(*node, stop(gone, Epoch(0), "fenced"));
        }
    }
    for attempt in &open {
        if let Some(reason) = attempt.stop_reason
            && market.streams.first_time(attempt.node, attempt.id, Told::Stopped)
        {
            market.streams.send(attempt.node, stop(attempt.id, attempt.epoch, reason.word()));
        }
    }
    let new = |attempt: &&Attempt| {
        attempt.accepted_at.is_none() && !market.streams.was_told(attempt.node, attempt.id, Told::Assigned)
    };
    let new: Vec<&Attempt> = open.iter().filter(new).collect();
    if new.is_empty() {
        return Ok(());
    }
    assign(market, new).await
}

/// Tells nodes of the attempts that are still theirs to take.
async fn assign(market: &Market, attempts: Vec<&Attempt>) -> Result<(), ServerError> {
    let ids: Vec<JobId> = attempts.iter().map(|attempt| attempt.job).collect();
    let jobs = by_ids(market.pool(), &ids).await?;
    let mut jobs: HashMap<JobId, Job> = jobs.into_iter().map(|job| (job.id, job)).collect();
    let theirs =
        |job: &&Job, attempt: &Attempt| job.attempt == Some(attempt.id) && job.state == JobState::Assigned;
    let work: Vec<Work<'_>> = attempts
        .into_iter()
        .filter_map(|attempt| {
            jobs.get(&attempt.job).filter(|job| theirs(job, attempt))?;
            Some((attempt, jobs.remove(&attempt.job)?))
        })
        .collect();
    let ids: Vec<JobId> = work.iter().map(|(_, job)| job.id).collect();
    let counts = market.ground.files.count_of(&ids).await?;
    let mut rest = work.as_slice();
    for size in groups(ids.iter().map(|job| counts.get(job).copied().unwrap_or(0))) {
        let (group, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        let ids: Vec<JobId> = group.iter().map(|(_, job)| job.id).collect();
        let inputs = market.input_links(&ids).await?;
        let checkpoints = market.checkpoint_links(&ids).await?;
        tell(market, group, (inputs, checkpoints));
    }
    Ok(())
}

/// How many of them to take together, one group after the other, by the number of their files.
fn groups(files: impl IntoIterator<Item = u64>) -> Vec<usize> {
    let (mut groups, mut size, mut sum) = (Vec::new(), 0_usize, 0_u64);
    for count in files {
        if size > 0 && sum.saturating_add(count) > MAX_FILES {
            groups.push(size);
            (size, sum) = (0, 0);
        }
        size += 1;
        sum = sum.saturating_add(count);
    }
    if size > 0 {
        groups.push(size);
    }
    groups
}

fn tell(market: &Market, work: &[Work<'_>], (mut inputs, mut checkpoints): (Links, Links)) {
    for (attempt, job) in work {
        let files =
            (inputs.remove(&job.id).unwrap_or_default(), checkpoints.remove(&job.id).unwrap_or_default());
        match assignment(market, attempt, job, files) {
            Ok(assignment) => {
                if market.streams.first_time(attempt.node, attempt.id, Told::Assigned) {
                    market.streams.send(attempt.node, response(assignment));
                }
            }
            // the others have nothing to do with it; this one is taken from its node when it does not answer
            Err(error) => {
                tracing::error!(job.id = %job.id, error.chain = chain_of(&error), "an assignment cannot be told");
            }
        }
    }
}

/// A message to a node.
pub(super) fn response(
    message: impl Into<v1::__buffa::oneof::attend_response::Message>,
) -> v1::AttendResponse {
    v1::AttendResponse { message: Some(message.into()), ..Default::default() }
}

fn stop(attempt: AttemptId, epoch: Epoch, reason: &str) -> v1::AttendResponse {
    response(v1::Stop {
        attempt_id: attempt.to_string(),
        epoch: epoch.0,
        reason: reason.to_owned(),
        grace_seconds: if reason == "fenced" { 0 } else { GRACE_SECONDS },
        ..Default::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_of_many_files_are_read_by_few() {
        assert!(groups([]).is_empty());
        assert_eq!(groups([0, 1, 2]), [3]);
        assert_eq!(groups([10_000, 10_000, 1]), [2, 1]);
        // one is read whatever it has
        assert_eq!(groups([5, 30_000, 30_000, 0]), [1, 1, 1, 1]);
        assert_eq!(groups(std::iter::repeat_n(1_000, 50)), [20, 20, 10]);
    }
}
