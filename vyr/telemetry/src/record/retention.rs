//! Lets the oldest segments go, never with a task that has not ended.

use std::{fs, time::SystemTime};

use buffa::Message as _;
use vyr_model::TaskId;
use vyr_proto::record::{Carried, Entry, entry::Entry as Kind};

use super::{
    RecordError, Shared, frame,
    index::Closed,
    live_tasks::LiveTask,
    store::{Store, accepted_of},
    writer::Writer,
};

/// Deletes the oldest segments that are too much or too old. What has not ended is brought
/// forward first, whole and synced; where that would be more than half a segment, the segment
/// stays: the record then outgrows its limit rather than lose a task.
pub(super) fn apply(writer: &mut Writer) -> Result<(), RecordError> {
    while let Some(oldest) = due(&writer.store) {
        let number = oldest.segment.number;
        let resting = writer.store.state.read().live.resting_on(number);
        let mut frames = Vec::new();
        for (task, live) in resting {
            match carried(&writer.store, task, &live) {
                Ok(entry) => frame::push(&mut frames, &entry.encode_to_vec()),
                // it cannot be read now and could not be after a restart either
                Err(damaged @ RecordError::Damaged { .. }) => {
                    tracing::error!(task.id = %task, error = %damaged, "a task's submit is damaged in the record");
                }
                Err(error) => return Err(error),
            }
        }
        if frames.len() as u64 > oldest.index.end / 2 {
            tracing::warn!(
                segment = number,
                "a segment that is due for deletion is kept: its tasks have not ended"
            );
            return Ok(());
        }
        if !frames.is_empty() {
            writer.append(&frames)?;
        }
        writer.store.state.write().closed.retain(|closed| closed.segment.number != number);
        let path = &oldest.segment.path;
        fs::remove_file(path).map_err(RecordError::io("delete", path))?;
        let path = path.with_extension("idx");
        fs::remove_file(&path).map_err(RecordError::io("delete", &path))?;
        tracing::debug!(segment = number, "deleted the record's oldest segment");
    }
    Ok(())
}

/// Returns the oldest closed segment where it must go.
fn due(store: &Store) -> Option<Shared<Closed>> {
    let (oldest, bytes) = {
        let state = store.state.read();
        (state.closed.first().cloned()?, state.bytes())
    };
    let too_old = store.options.retain_age.is_some_and(|limit| {
        let modified = oldest.segment.file.metadata().and_then(|data| data.modified());
        modified.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age > limit))
    });
    (bytes > store.options.retain_bytes || too_old).then_some(oldest)
}

fn carried(store: &Store, task: TaskId, live: &LiveTask) -> Result<Entry, RecordError> {
    let (accepted, mut bound) = accepted_of(store.read_entry(live.accepted)?);
    for at in &live.bound {
        if let Some(Kind::Bound(later)) = store.read_entry(*at)?.entry {
            bound.push(*later);
        }
    }
    let carried = Carried {
        task_id: task.as_bytes().to_vec(),
        accepted: accepted.into(),
        bound,
        attempts: live.attempts,
        order: live.order,
        ..Default::default()
    };
    Ok(Entry { entry: Some(carried.into()), ..Default::default() })
}
