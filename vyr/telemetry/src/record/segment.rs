//! One segment file: its name, its head, reading and writing at offsets.

use std::{
    fs::File,
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::{RecordError, Shared, frame};

/// Bytes before a segment's first frame: magic and the segment's number.
pub(super) const SEGMENT_HEAD: u64 = 16;

const MAGIC: [u8; 8] = *b"VYRREC\0\x01";

/// Bytes that are allocated ahead of the writes: a sync then has no file length to store.
const AHEAD: u64 = 1 << 20;

/// Where an entry's frame is: the segment's number and the offset in it. Orders by age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Position(pub(super) u64);

impl Position {
    pub(super) const fn new(segment: u32, offset: u32) -> Self {
        Self((segment as u64) << 32 | offset as u64)
    }

    pub(super) const fn segment(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(super) const fn offset(self) -> u64 {
        self.0 & 0xffff_ffff
    }
}

/// An open segment file.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) number: u32,
    pub(super) path: PathBuf,
    pub(super) file: Shared<File>,
}

/// Returns the path of a segment's file of the kind `extension`.
pub(super) fn path(dir: &Path, number: u32, extension: &str) -> PathBuf {
    dir.join(format!("{number:08}.{extension}"))
}

/// Returns the segment number of a file name with `extension`.
pub(super) fn number_of(name: &Path, extension: &str) -> Option<u32> {
    let matches = name.extension().is_some_and(|found| found == extension);
    matches.then(|| name.file_stem()?.to_str()?.parse().ok()).flatten()
}

/// Returns the first bytes of a segment.
pub(super) fn head(number: u32) -> Vec<u8> {
    let mut head = MAGIC.to_vec();
    head.extend_from_slice(&u64::from(number).to_le_bytes());
    head
}

impl Segment {
    /// Makes a new segment, durably.
    pub(super) fn create(dir: &Path, number: u32) -> Result<Self, RecordError> {
        let path = path(dir, number, "seg");
        let mut options = File::options();
        // submits carry arguments and environment: only the node's user reads them
        options.read(true).write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(&path);
        let file = file.map_err(RecordError::io("create", &path))?;
        file.write_all_at(&head(number), 0)
            .and_then(|()| file.sync_data())
            .and_then(|()| File::open(dir)?.sync_all())
            .map_err(RecordError::io("write", &path))?;
        Ok(Self { number, path, file: Shared::new(file) })
    }

    /// Opens an existing segment.
    pub(super) fn open(dir: &Path, number: u32) -> Result<Self, RecordError> {
        let path = path(dir, number, "seg");
        let file = File::options().read(true).write(true).open(&path);
        Ok(Self { number, file: Shared::new(file.map_err(RecordError::io("open", &path))?), path })
    }

    /// Reads the whole file.
    pub(super) fn read_all(&self) -> Result<Vec<u8>, RecordError> {
        std::fs::read(&self.path).map_err(RecordError::io("read", &self.path))
    }

    /// Tells whether `bytes` begin as this segment does.
    pub(super) fn has_head(&self, bytes: &[u8]) -> bool {
        bytes.starts_with(&head(self.number))
    }

    /// Reads the frame at `offset` and checks it.
    pub(super) fn read_frame(&self, offset: u64) -> Result<Vec<u8>, RecordError> {
        let damaged = || RecordError::Damaged { path: self.path.clone(), offset };
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::UnexpectedEof => damaged(),
            _ => RecordError::io("read", &self.path)(source),
        };
        let mut head = [0; frame::HEAD];
        self.file.read_exact_at(&mut head, offset).map_err(failed)?;
        let (length, crc) = frame::head(&head).ok_or_else(damaged)?;
        if length == 0 || length > frame::MAX_CONTENT {
            return Err(damaged());
        }
        let mut content = vec![0; length];
        self.file.read_exact_at(&mut content, offset + frame::HEAD as u64).map_err(failed)?;
        if crc32c::crc32c(&content) == crc { Ok(content) } else { Err(damaged()) }
    }

    /// Allocates room for `bytes` more after `end`; returns up to where there is room. Best
    /// effort: where it fails the write itself will tell.
    pub(super) fn allocate(&self, end: u64, bytes: u64) -> u64 {
        let upto = (end + bytes).next_multiple_of(AHEAD);
        let flags = rustix::fs::FallocateFlags::empty();
        match rustix::fs::fallocate(&*self.file, flags, 0, upto) {
            Ok(()) => upto,
            Err(_) => end + bytes,
        }
    }

    /// Cuts the file to `end`, durably.
    pub(super) fn cut(&self, end: u64) -> io::Result<()> {
        self.file.set_len(end)?;
        self.file.sync_data()
    }
}
