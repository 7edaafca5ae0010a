//! Opening: what was left behind, what was torn, what was damaged.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    ops::Range,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    thread,
};

use parking_lot::{Mutex, RwLock};
use vyr_model::TaskId;
use vyr_proto::record::{Accepted, Bound, entry::Entry as Kind};

use super::{
    OnDamage, Record, RecordError, RecordOptions, Shared,
    frame::{self, Found},
    index::{Closed, ClosedIndex, OpenIndex},
    live_tasks::LiveTasks,
    meta::Meta,
    pending::Pending,
    segment::{self, Position, SEGMENT_HEAD, Segment},
    store::{Running, State, Store, accepted_of},
    writer::Writer,
};

/// What a record had in it when it was opened.
#[derive(Debug, Default)]
pub struct Recovery {
    /// Tasks that were accepted and never started, in the order of their submits.
    pub queued: Vec<LeftTask>,
    /// Tasks that were started and have not ended, in the order of their submits.
    pub started: Vec<LeftTask>,
    /// Bytes of an unfinished write that were cut off the end; none of it was acknowledged.
    pub torn_bytes: u64,
    /// Bytes that were not what was written.
    pub damage: Vec<Damage>,
    /// Segments that were read; the others have an index.
    pub segments_read: usize,
}

/// A task that has not ended.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftTask {
    /// The task.
    pub task: TaskId,
    /// The submit, whole.
    pub accepted: Accepted,
    /// The states that it was given since.
    pub bound: Vec<Bound>,
    /// How often it was started.
    pub attempts: u32,
}

/// Bytes that were not what was written, and where they are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The segment.
    pub segment: PathBuf,
    /// Where in it the damage was.
    pub bytes: Range<u64>,
    /// The file that the bytes were moved to; `None` where there was nothing to keep.
    pub set_aside: Option<PathBuf>,
}

impl Record {
    /// Opens the record in `dir`, or makes one. Blocking: milliseconds for any history.
    ///
    /// # Errors
    /// [`RecordError::InUse`], [`RecordError::Io`]; [`RecordError::Damaged`] with
    /// [`OnDamage::Refuse`].
    pub fn open(dir: impl Into<PathBuf>, options: RecordOptions) -> Result<(Self, Recovery), RecordError> {
        let dir = dir.into();
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&dir)
            .map_err(RecordError::io("make the folder", &dir))?;
        let lock = lock(&dir)?;
        let mut opening = Opening { dir, options, recovery: Recovery::default() };
        let (state, end) = opening.read()?;
        let Opening { dir, options, mut recovery } = opening;
        let segment = state.open.clone();
        let store = Shared::new(Store {
            dir,
            pending: Pending::new(options.pending_bytes, options.volatile_delay),
            options,
            state: RwLock::new(state),
            stats: Default::default(),
        });
        left_tasks(&store, &mut recovery);
        let writer = Writer {
            store: Shared::clone(&store),
            segment,
            end,
            allocated: end,
            dirty: false,
            suspect: false,
        };
        let thread = thread::Builder::new().name("vyr-record".into()).spawn(move || writer.run());
        let thread = thread.map_err(RecordError::io("start the writer of", &store.dir))?;
        let running = Running { store, writer: Mutex::new(Some(thread)), _lock: lock };
        Ok((Self::running(Shared::new(running)), recovery))
    }
}

fn lock(dir: &Path) -> Result<File, RecordError> {
    let path = dir.join("lock");
    let file = File::options().create(true).write(true).truncate(false).open(&path);
    let file = file.map_err(RecordError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(RecordError::InUse(dir.to_owned())),
        Err(TryLockError::Error(error)) => Err(RecordError::io("lock", &path)(error)),
    }
}

struct Opening {
    dir: PathBuf,
    options: RecordOptions,
    recovery: Recovery,
}

impl Opening {
    fn read(&mut self) -> Result<(State, u64), RecordError> {
        let mut numbers = self.list()?;
        let last = numbers.pop();
        let mut closed = Vec::new();
        let mut live = LiveTasks::default();
        // as long as indexes hold, the last one tells what lives; from the first gap on, read
        let mut gap = false;
        for number in numbers {
            let index = if gap { None } else { ClosedIndex::open(&self.dir, number)? };
            let known = index.and_then(|index| Some((index.live()?, index)));
            let segment = Segment::open(&self.dir, number)?;
            let (segment, index) = match known {
                Some((then, index)) => {
                    live = then;
                    (segment, index)
                }
                None => {
                    gap = true;
                    let (segment, open, end) = self.scan(segment, &mut live, false)?;
                    let index = open.close(&self.dir, number, end, &live)?;
                    (segment, index)
                }
            };
            closed.push(Shared::new(Closed { segment, index }));
        }
        let open = match last {
            Some(number) => Segment::open(&self.dir, number)?,
            None => Segment::create(&self.dir, 1)?,
        };
        let (open, index, end) = self.scan(open, &mut live, true)?;
        Ok((State { closed, open, end, index, live }, end))
    }

    /// Lists the segments, oldest first, and clears away what a crash left half done.
    fn list(&self) -> Result<Vec<u32>, RecordError> {
        let failed = || RecordError::io("list", &self.dir);
        let (mut segments, mut indexes) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(&self.dir).map_err(failed())? {
            let path = entry.map_err(failed())?.path();
            segments.extend(segment::number_of(&path, "seg"));
            indexes.extend(segment::number_of(&path, "idx"));
            if segment::number_of(&path, "idx-new").or(segment::number_of(&path, "seg-new")).is_some() {
                remove(&path)?;
            }
        }
        segments.sort_unstable();
        let last = segments.last().copied();
        for number in indexes {
            // an index of the open segment would grow stale; one without a segment is of no use
            if Some(number) == last || segments.binary_search(&number).is_err() {
                remove(&segment::path(&self.dir, number, "idx"))?;
            }
        }
        Ok(segments)
    }

    /// Reads a whole segment. Returns it (made anew where it was damaged), its index and its end.
    fn scan(
        &mut self,
        segment: Segment,
        live: &mut LiveTasks,
        is_last: bool,
    ) -> Result<(Segment, OpenIndex, u64), RecordError> {
        let bytes = segment.read_all()?;
        self.recovery.segments_read += 1;
        let mut bad = Vec::new();
        let mut good = Vec::new();
        let head = SEGMENT_HEAD as usize;
        let headed = segment.has_head(&bytes);
        let mut at = head;
        let torn = loop {
            match frame::next(&bytes, at) {
                Found::Frame(start, content) => {
                    at = content.end;
                    good.push(start..at);
                }
                Found::Bad(range) => {
                    at = range.end;
                    bad.push(range);
                }
                Found::End { torn: 0, .. } => break 0,
                Found::End { valid, torn } if is_last => {
                    at = valid;
                    break torn;
                }
                Found::End { valid, torn } => {
                    bad.push(valid..valid + torn);
                    break 0;
                }
            }
        };
        if !headed && good.is_empty() && is_last {
            // a crash while the segment was made: nothing was in it
            let segment = Segment::create(&self.dir, segment.number)?;
            return Ok((segment, OpenIndex::default(), SEGMENT_HEAD));
        }
        if !headed {
            bad.insert(0, 0..head.min(bytes.len()));
        }
        self.recovery.torn_bytes += torn as u64;
        let (segment, frames, end) = if bad.is_empty() {
            let frames: Vec<_> = good.iter().map(|range| (range.start, range.clone())).collect();
            let end = at as u64;
            if is_last && end != bytes.len() as u64 {
                segment.cut(end).map_err(RecordError::io("cut", &segment.path))?;
            }
            (segment, frames, end)
        } else {
            self.mend(&segment, &bytes, &bad, &good)?
        };
        let mut index = OpenIndex::default();
        for (offset, range) in frames {
            let content = bytes.get(range.start + frame::HEAD..range.end).unwrap_or_default();
            if let (Some(meta), Ok(offset)) = (Meta::parse(content), u32::try_from(offset)) {
                index.apply(&meta, offset);
                live.apply(&meta, Position::new(segment.number, offset));
            }
        }
        Ok((segment, index, end))
    }

    /// Moves bad bytes aside and writes the good frames anew.
    #[expect(clippy::type_complexity, reason = "each frame's new offset and old place, used once")]
    fn mend(
        &mut self,
        segment: &Segment,
        bytes: &[u8],
        bad: &[Range<usize>],
        good: &[Range<usize>],
    ) -> Result<(Segment, Vec<(usize, Range<usize>)>, u64), RecordError> {
        let offset = bad.first().map_or(0, |range| range.start as u64);
        if self.options.on_damage == OnDamage::Refuse {
            return Err(RecordError::Damaged { path: segment.path.clone(), offset });
        }
        for range in bad {
            let aside = self.dir.join(format!("{:08}-{}.bad", segment.number, range.start));
            let mut options = File::options();
            let file = options.write(true).create(true).truncate(true).mode(0o600).open(&aside);
            file.and_then(|mut file| file.write_all(bytes.get(range.clone()).unwrap_or_default()))
                .map_err(RecordError::io("write", &aside))?;
            self.recovery.damage.push(Damage {
                segment: segment.path.clone(),
                bytes: range.start as u64..range.end as u64,
                set_aside: Some(aside),
            });
        }
        let mut whole = segment::head(segment.number);
        let mut frames = Vec::with_capacity(good.len());
        for range in good {
            frames.push((whole.len(), range.clone()));
            whole.extend_from_slice(bytes.get(range.clone()).unwrap_or_default());
        }
        let temp = segment.path.with_extension("seg-new");
        let write = || -> io::Result<()> {
            let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&temp)?;
            file.write_all(&whole)?;
            file.sync_all()?;
            fs::rename(&temp, &segment.path)?;
            File::open(&self.dir)?.sync_all()
        };
        write().map_err(RecordError::io("mend", &segment.path))?;
        Ok((Segment::open(&self.dir, segment.number)?, frames, whole.len() as u64))
    }
}

fn remove(path: &Path) -> Result<(), RecordError> {
    fs::remove_file(path).map_err(RecordError::io("delete", path))
}

/// Reads what has not ended.
fn left_tasks(store: &Store, recovery: &mut Recovery) {
    for (task, live) in store.state.read().live.in_order() {
        let read = || {
            let (accepted, mut bound) = accepted_of(store.read_entry(live.accepted)?);
            for at in &live.bound {
                if let Some(Kind::Bound(later)) = store.read_entry(*at)?.entry {
                    bound.push(*later);
                }
            }
            Ok::<_, RecordError>(accepted.map(|accepted| (accepted, bound)))
        };
        match read() {
            Ok(Some((accepted, bound))) => {
                let left = LeftTask { task, accepted, bound, attempts: live.attempts };
                if live.attempts == 0 { &mut recovery.queued } else { &mut recovery.started }.push(left);
            }
            Ok(None) | Err(_) => recovery.damage.push(Damage {
                segment: segment::path(&store.dir, live.accepted.segment(), "seg"),
                bytes: live.accepted.offset()..live.accepted.offset(),
                set_aside: None,
            }),
        }
    }
}
