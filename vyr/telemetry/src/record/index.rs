//! Where entries are. In memory for the open segment, in a file beside each closed one.
//!
//! An index file is: head, bloom filter, lookups sorted by hash, offsets of `Ended` entries in
//! order, live tasks at the segment's end. Only the head and the filter are kept in memory.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Write as _},
    os::unix::fs::FileExt as _,
    path::Path,
};

use vyr_model::TaskId;

use super::{
    RecordError,
    live_tasks::LiveTasks,
    meta::{Kind, Meta},
    segment::{self, Segment},
};

const MAGIC: [u8; 8] = *b"VYRIDX\0\x01";
const HEAD: usize = 64;
const LOOKUP: u64 = 12;
/// Bits of bloom filter a lookup, and probes: about one false answer in a hundred.
const BLOOM_BITS: usize = 10;
const BLOOM_PROBES: u32 = 5;

/// What can be looked up.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lookup<'a> {
    /// The `Accepted` or `Carried` entry of a task.
    Accepted(TaskId),
    /// The `Ended` entry of a task.
    Ended(TaskId),
    /// The `Accepted` entry with an idempotency key.
    Key(&'a [u8]),
}

impl Lookup<'_> {
    /// Hashes (FNV-1a, then a mixing step); the same in every process, since it is stored.
    pub(super) fn hash(self) -> u64 {
        let (space, bytes): (u8, &[u8]) = match &self {
            Self::Accepted(task) => (1, task.as_bytes()),
            Self::Ended(task) => (2, task.as_bytes()),
            Self::Key(key) => (3, key),
        };
        let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = std::iter::once(&space).chain(bytes).fold(0xcbf2_9ce4_8422_2325, fold);
        let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash ^ (hash >> 33)
    }
}

/// The index of the open segment.
#[derive(Debug, Default)]
pub(super) struct OpenIndex {
    lookups: HashMap<u64, u32>,
    ended: Vec<u32>,
    span: TimeSpan,
}

/// The oldest and newest accept times of the tasks that ended in a segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeSpan {
    pub(super) oldest: u64,
    pub(super) newest: u64,
}

impl Default for TimeSpan {
    fn default() -> Self {
        Self { oldest: u64::MAX, newest: 0 }
    }
}

impl OpenIndex {
    /// Takes in the entry at `offset`.
    pub(super) fn apply(&mut self, meta: &Meta<'_>, offset: u32) {
        match meta.kind {
            Kind::Accepted | Kind::Carried => {
                self.lookups.insert(Lookup::Accepted(meta.task).hash(), offset);
                if !meta.key.is_empty() {
                    self.lookups.insert(Lookup::Key(meta.key).hash(), offset);
                }
            }
            Kind::Ended => {
                self.lookups.insert(Lookup::Ended(meta.task).hash(), offset);
                self.ended.push(offset);
                self.span.oldest = self.span.oldest.min(meta.accepted_unix_nanos);
                self.span.newest = self.span.newest.max(meta.accepted_unix_nanos);
            }
            Kind::Bound | Kind::Started => {}
        }
    }

    pub(super) fn find(&self, hash: u64) -> Option<u32> {
        self.lookups.get(&hash).copied()
    }

    pub(super) fn ended(&self) -> &[u32] {
        &self.ended
    }

    pub(super) const fn span(&self) -> TimeSpan {
        self.span
    }

    /// Writes the index beside its segment, durably, and opens it.
    pub(super) fn close(
        &self,
        dir: &Path,
        number: u32,
        end: u64,
        live: &LiveTasks,
    ) -> Result<ClosedIndex, RecordError> {
        let path = segment::path(dir, number, "idx");
        let write = || {
            let temp = path.with_extension("idx-new");
            let mut file = File::create(&temp)?;
            file.write_all(&self.encode(number, end, live))?;
            file.sync_data()?;
            std::fs::rename(&temp, &path)?;
            File::open(dir)?.sync_all()
        };
        write().map_err(RecordError::io("write", &path))?;
        ClosedIndex::open(dir, number)?.ok_or(RecordError::Damaged { path, offset: 0 })
    }

    fn encode(&self, number: u32, end: u64, live: &LiveTasks) -> Vec<u8> {
        let mut lookups: Vec<_> = self.lookups.iter().map(|(hash, offset)| (*hash, *offset)).collect();
        lookups.sort_unstable();
        let bloom = bloom(lookups.iter().map(|(hash, _)| *hash), lookups.len());
        let live = live.encode();
        let mut bytes = Vec::with_capacity(HEAD + bloom.len() + lookups.len() * 12 + live.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&u64::from(number).to_le_bytes());
        bytes.extend_from_slice(&end.to_le_bytes());
        bytes.extend_from_slice(&self.span.oldest.to_le_bytes());
        bytes.extend_from_slice(&self.span.newest.to_le_bytes());
        for length in [bloom.len(), lookups.len(), self.ended.len(), live.len()] {
            bytes.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        }
        bytes.extend_from_slice(&crc32c::crc32c(&live).to_le_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes), &bloom);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes.extend_from_slice(&bloom);
        for (hash, offset) in lookups {
            bytes.extend_from_slice(&hash.to_le_bytes());
            bytes.extend_from_slice(&offset.to_le_bytes());
        }
        for offset in &self.ended {
            bytes.extend_from_slice(&offset.to_le_bytes());
        }
        bytes.extend_from_slice(&live);
        bytes
    }
}

/// The index of a closed segment.
#[derive(Debug)]
pub(super) struct ClosedIndex {
    file: File,
    /// Where the segment's last frame ends.
    pub(super) end: u64,
    pub(super) span: TimeSpan,
    bloom: Box<[u8]>,
    lookups: u32,
    ended: u32,
    live: u32,
    live_crc: u32,
}

impl ClosedIndex {
    /// Opens an index file; `None` where there is none that holds.
    pub(super) fn open(dir: &Path, number: u32) -> Result<Option<Self>, RecordError> {
        let path = segment::path(dir, number, "idx");
        match File::open(&path) {
            Ok(file) => Ok(Self::read(file, number).unwrap_or_default()),
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(other) => Err(RecordError::io("open", &path)(other)),
        }
    }

    fn read(file: File, number: u32) -> io::Result<Option<Self>> {
        let mut head = [0; HEAD];
        file.read_exact_at(&mut head, 0)?;
        let length = file.metadata()?.len();
        Ok(Self::parse(file, number, &head, length))
    }

    fn parse(file: File, number: u32, head: &[u8; HEAD], length: u64) -> Option<Self> {
        let (words, rest) = head.split_first_chunk::<40>()?;
        let [magic, found, end, oldest, newest] = words.as_chunks::<8>().0 else { return None };
        let [bloom, lookups, ended, live, live_crc, crc] = rest.as_chunks::<4>().0 else { return None };
        let [bloom, lookups, ended, live] =
            [bloom, lookups, ended, live].map(|word| u32::from_le_bytes(*word));
        let whole = HEAD as u64
            + u64::from(bloom)
            + u64::from(lookups) * LOOKUP
            + u64::from(ended) * 4
            + u64::from(live);
        if *magic != MAGIC || u64::from_le_bytes(*found) != u64::from(number) || whole != length {
            return None;
        }
        let mut filter = vec![0; usize::try_from(bloom).ok()?];
        file.read_exact_at(&mut filter, HEAD as u64).ok()?;
        let checked = crc32c::crc32c_append(crc32c::crc32c(head.get(..HEAD - 4)?), &filter);
        (checked == u32::from_le_bytes(*crc)).then(|| Self {
            file,
            end: u64::from_le_bytes(*end),
            span: TimeSpan { oldest: u64::from_le_bytes(*oldest), newest: u64::from_le_bytes(*newest) },
            bloom: filter.into_boxed_slice(),
            lookups,
            ended,
            live,
            live_crc: u32::from_le_bytes(*live_crc),
        })
    }

    fn lookups_at(&self) -> u64 {
        HEAD as u64 + self.bloom.len() as u64
    }

    fn ended_at(&self) -> u64 {
        self.lookups_at() + u64::from(self.lookups) * LOOKUP
    }

    /// Returns the offset stored for `hash`.
    pub(super) fn find(&self, hash: u64) -> io::Result<Option<u32>> {
        if !bloom_has(&self.bloom, hash) {
            return Ok(None);
        }
        let (mut low, mut high) = (0, u64::from(self.lookups));
        while low < high {
            let middle = low.midpoint(high);
            let mut entry = [0; 12];
            self.file.read_exact_at(&mut entry, self.lookups_at() + middle * LOOKUP)?;
            let Some((found, offset)) = entry.split_first_chunk::<8>() else { return Ok(None) };
            match u64::from_le_bytes(*found).cmp(&hash) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => {
                    return Ok(offset.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes)));
                }
            }
        }
        Ok(None)
    }

    /// Reads the offsets of the `Ended` entries, in order.
    pub(super) fn ended(&self) -> io::Result<Vec<u32>> {
        let mut bytes = vec![0; self.ended as usize * 4];
        self.file.read_exact_at(&mut bytes, self.ended_at())?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect())
    }

    /// Reads the tasks that had not ended when the segment was closed; `None` where they do not hold.
    pub(super) fn live(&self) -> Option<LiveTasks> {
        let mut bytes = vec![0; self.live as usize];
        self.file.read_exact_at(&mut bytes, self.ended_at() + u64::from(self.ended) * 4).ok()?;
        (crc32c::crc32c(&bytes) == self.live_crc).then(|| LiveTasks::decode(&bytes)).flatten()
    }
}

/// A closed segment and its index.
#[derive(Debug)]
pub(super) struct Closed {
    pub(super) segment: Segment,
    pub(super) index: ClosedIndex,
}

fn bloom(hashes: impl Iterator<Item = u64>, count: usize) -> Vec<u8> {
    let mut bits = vec![0; (count * BLOOM_BITS).div_ceil(8).max(1)];
    let len = bits.len();
    for hash in hashes {
        for (byte, bit) in probes(hash, len) {
            if let Some(byte) = bits.get_mut(byte) {
                *byte |= bit;
            }
        }
    }
    bits
}

fn bloom_has(bits: &[u8], hash: u64) -> bool {
    probes(hash, bits.len()).all(|(byte, bit)| bits.get(byte).is_some_and(|byte| byte & bit != 0))
}

fn probes(hash: u64, len: usize) -> impl Iterator<Item = (usize, u8)> {
    let step = (hash >> 17) | 1;
    (0..u64::from(BLOOM_PROBES)).map(move |probe| {
        let bit = hash.wrapping_add(step.wrapping_mul(probe)) % (len.max(1) as u64 * 8);
        ((bit / 8) as usize, 1 << (bit % 8))
    })
}
