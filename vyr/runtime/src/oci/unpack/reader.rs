use std::{
    cell::Cell,
    fs::File,
    io::{self, BufReader, Read},
    rc::Rc,
};

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest as _, Sha256};
use vyr_model::Digest;

use crate::oci::UnpackLimits;

/// What is left of an unpack's budgets, shared by all of its readers.
#[derive(Clone)]
pub(super) struct Meter(Rc<Left>);

struct Left {
    bytes: Cell<u64>,
    entries: Cell<u64>,
    /// Bytes that the current step (the headers of one entry, one file) may still read.
    step: Cell<u64>,
}

impl Meter {
    pub(super) fn new(limits: &UnpackLimits) -> Self {
        let (bytes, entries) = (Cell::new(limits.bytes), Cell::new(limits.entries));
        Self(Rc::new(Left { bytes, entries, step: Cell::new(0) }))
    }

    /// Grants the next step its bytes.
    pub(super) fn step(&self, bytes: u64) {
        self.0.step.set(bytes);
    }

    /// Counts one entry.
    pub(super) fn entry(&self) -> io::Result<()> {
        let left = self.0.entries.get().checked_sub(1).ok_or_else(|| io::Error::other("too many entries"))?;
        self.0.entries.set(left);
        Ok(())
    }

    /// Counts bytes that are written without being read, the holes of a sparse file.
    pub(super) fn written(&self, bytes: u64) -> io::Result<()> {
        let left = self.0.bytes.get().checked_sub(bytes).ok_or_else(too_large)?;
        self.0.bytes.set(left);
        Ok(())
    }
}

fn too_large() -> io::Error {
    io::Error::other("the uncompressed layers are too large")
}

/// A layer's uncompressed bytes: hashed on both sides of the compression, and metered.
pub(super) struct LayerReader {
    inner: Hashed<Decoder>,
    meter: Meter,
}

impl LayerReader {
    pub(super) fn new(file: File, gzip: bool, meter: Meter) -> Self {
        let blob = Hashed::new(file);
        let decoder = if gzip {
            Decoder::Gzip(Box::new(MultiGzDecoder::new(BufReader::with_capacity(BUFFER, blob))))
        } else {
            Decoder::Plain(blob)
        };
        Self { inner: Hashed::new(decoder), meter }
    }

    /// Returns the digests of the blob and of its uncompressed bytes, all of which must have been read.
    pub(super) fn digests(self) -> Digests {
        let (decoder, uncompressed, _) = self.inner.finish();
        let blob = match decoder {
            Decoder::Plain(blob) => blob,
            Decoder::Gzip(gzip) => gzip.into_inner().into_inner(),
        };
        let (_, compressed, size) = blob.finish();
        Digests { blob: compressed, blob_size: size, uncompressed }
    }
}

const BUFFER: usize = 128 << 10;

/// What the bytes of a layer hash to.
pub(super) struct Digests {
    pub(super) blob: Digest,
    pub(super) blob_size: u64,
    pub(super) uncompressed: Digest,
}

impl Read for LayerReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = &self.meter.0;
        let most = left.step.get().min(left.bytes.get());
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 && !buffer.is_empty() {
            return Err(if left.bytes.get() == 0 {
                too_large()
            } else {
                io::Error::other("its headers are too long")
            });
        }
        let read = self.inner.read(buffer.get_mut(..most).unwrap_or_default())?;
        left.step.set(left.step.get().saturating_sub(read as u64));
        left.bytes.set(left.bytes.get().saturating_sub(read as u64));
        Ok(read)
    }
}

enum Decoder {
    Plain(Hashed<File>),
    Gzip(Box<MultiGzDecoder<BufReader<Hashed<File>>>>),
}

impl Read for Decoder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(blob) => blob.read(buffer),
            Self::Gzip(gzip) => gzip.read(buffer),
        }
    }
}

struct Hashed<R> {
    inner: R,
    hasher: Sha256,
    size: u64,
}

impl<R> Hashed<R> {
    fn new(inner: R) -> Self {
        Self { inner, hasher: Sha256::new(), size: 0 }
    }

    fn finish(self) -> (R, Digest, u64) {
        (self.inner, Digest::from_bytes(self.hasher.finalize().into()), self.size)
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..read).unwrap_or_default());
        self.size += read as u64;
        Ok(read)
    }
}
