use std::{
    collections::{HashMap, HashSet},
    fs, io,
    path::Path,
};

use buffa::Message as _;
use vyr_model::Digest;
use vyr_proto::{
    control::TaskStatus,
    record::{Accepted, Entry, entry::Entry as Kind},
};

use super::{
    RecordError,
    frame::{self, Found},
    segment::{self, SEGMENT_HEAD},
};

/// Reads which blobs the tasks of a record rely on: the inputs of those that have not ended, and the
/// outputs of those that have and are still kept. The record may be in use by a node meanwhile; what that
/// one accepts or ends during the call may be missing. A folder without a record gives none.
///
/// # Errors
/// [`RecordError::Io`] where a segment cannot be read.
pub fn blobs_in_use(dir: &Path) -> Result<HashSet<Digest>, RecordError> {
    let mut found = InUse::default();
    let mut read = HashSet::new();
    // what a node carries forward meanwhile goes into a segment that may be new
    while let Some(number) = segments(dir)?.into_iter().find(|number| !read.contains(number)) {
        let path = segment::path(dir, number, "seg");
        match fs::read(&path) {
            Ok(bytes) => found.read(&bytes),
            // it was retired: what has not ended stands in a later one
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(RecordError::io("read", &path)(error)),
        }
        read.insert(number);
    }
    found.outputs.extend(found.inputs.into_values());
    Ok(found.outputs)
}

/// Lists the segments, the oldest first.
fn segments(dir: &Path) -> Result<Vec<u32>, RecordError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(RecordError::io("list", dir)(error)),
    };
    let numbers = entries.filter_map(|entry| segment::number_of(&entry.ok()?.path(), "seg"));
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.sort_unstable();
    Ok(numbers)
}

#[derive(Default)]
struct InUse {
    /// By the id of a task that has not ended.
    inputs: HashMap<Vec<u8>, Digest>,
    outputs: HashSet<Digest>,
}

impl InUse {
    fn read(&mut self, bytes: &[u8]) {
        let mut at = usize::try_from(SEGMENT_HEAD).unwrap_or(0);
        loop {
            at = match frame::next(bytes, at) {
                Found::Frame(_, content) => {
                    if let Some(Ok(entry)) = bytes.get(content.clone()).map(Entry::decode_from_slice) {
                        self.note(entry);
                    }
                    content.end
                }
                Found::Bad(range) => range.end,
                Found::End { .. } => return,
            };
        }
    }

    fn note(&mut self, entry: Entry) {
        match entry.entry {
            Some(Kind::Accepted(accepted)) => self.accepted(&accepted),
            Some(Kind::Carried(carried)) => self.accepted(&carried.accepted),
            Some(Kind::Ended(ended)) => {
                self.inputs.remove(&ended.task_id);
                self.outputs.extend(outputs(&ended.status));
            }
            _ => {}
        }
    }

    fn accepted(&mut self, accepted: &Accepted) {
        if let Ok(input) = accepted.request.input_ref.parse() {
            self.inputs.insert(accepted.task_id.clone(), input);
        }
    }
}

fn outputs(status: &TaskStatus) -> impl Iterator<Item = Digest> {
    let streams = [status.stdout.as_option(), status.stderr.as_option()].into_iter().flatten();
    streams.chain(&status.files).filter_map(|output| output.digest.parse().ok())
}
