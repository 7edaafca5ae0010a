use std::{
    collections::HashSet,
    ffi::{OsStr, OsString},
    io,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Component, Path, PathBuf},
};

use tar::{Archive, Entry, EntryType};

use super::{
    reader::{LayerReader, Meter},
    tree::{Attributes, Tree},
};
use crate::oci::{
    OciError,
    image::{BlobSource, Layer},
};

/// Bytes that the headers of one entry may take, long names and PAX records included.
const HEADER_BYTES: u64 = 1 << 20;
/// Bytes of a path, and parts of it.
const PATH_BYTES: usize = 3072;
const PATH_PARTS: usize = 128;

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
const AUFS_METADATA: &[u8] = b".wh..wh.";

/// Applies one layer and verifies that it was the one named.
pub(super) fn apply(
    layer: &Layer,
    blobs: &dyn BlobSource,
    tree: &Tree,
    meter: &Meter,
) -> Result<(), OciError> {
    let file = blobs.open(&layer.digest).map_err(OciError::io(format!("open the layer {}", layer.digest)))?;
    let reader = LayerReader::new(file, layer.gzip, meter.clone());
    let mut archive = Archive::new(reader);
    extract(&mut archive, tree, meter)
        .map_err(|error| OciError::Layer { layer: layer.digest, reason: reason(&error) })?;
    // What follows the archive's end belongs to the digests too.
    let mut reader = archive.into_inner();
    meter.step(u64::MAX);
    io::copy(&mut reader, &mut io::sink())
        .map_err(|error| OciError::Layer { layer: layer.digest, reason: reason(&error) })?;
    let digests = reader.digests();
    if digests.blob != layer.digest || digests.blob_size != layer.size {
        return Err(OciError::Digest { what: "a layer", expected: layer.digest, found: digests.blob });
    }
    if digests.uncompressed != layer.diff_id {
        let (expected, found) = (layer.diff_id, digests.uncompressed);
        return Err(OciError::Digest { what: "an uncompressed layer", expected, found });
    }
    Ok(())
}

/// An I/O error of the reader wraps the one that says what was wrong.
fn reason(error: &io::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.get_ref().and_then(|inner| inner.source());
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

fn extract(archive: &mut Archive<LayerReader>, tree: &Tree, meter: &Meter) -> io::Result<()> {
    let mut layer = Extraction { tree, meter, made: HashSet::new() };
    let mut entries = archive.entries()?;
    loop {
        meter.step(HEADER_BYTES);
        let Some(entry) = entries.next() else { break };
        let mut entry = entry?;
        meter.entry()?;
        meter.step(entry.size().saturating_add(HEADER_BYTES));
        let path = entry.path_bytes().into_owned();
        layer.entry(&mut entry).map_err(|error| {
            io::Error::new(error.kind(), format!("`{}`: {}", path.escape_ascii(), reason(&error)))
        })?;
    }
    Ok(())
}

struct Extraction<'a> {
    tree: &'a Tree,
    meter: &'a Meter,
    /// Inodes that this layer made or touched: an opaque whiteout hides only what lies below.
    made: HashSet<u64>,
}

impl Extraction<'_> {
    fn entry(&mut self, entry: &mut Entry<'_, LayerReader>) -> io::Result<()> {
        let path = inner_path(&entry.path_bytes())?;
        let kind = entry.header().entry_type();
        let Some(name) = path.file_name() else {
            return if kind.is_dir() { Ok(()) } else { Err(refused("it names the root itself")) };
        };
        let parent = self.tree.make_parent(&path, &mut self.made)?;
        if let Some(hidden) = name.as_bytes().strip_prefix(WHITEOUT) {
            return self.whiteout(&parent, name, hidden);
        }
        let attributes = Attributes::of(entry.header());
        let inode = match kind {
            EntryType::Directory => Some(parent.put_dir(name, &attributes)?),
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                if kind == EntryType::GNUSparse {
                    self.meter.written(entry.size())?;
                }
                Some(parent.put_file(name, &attributes, entry)?)
            }
            EntryType::Symlink => Some(parent.put_symlink(name, &link_target(entry)?, &attributes)?),
            EntryType::Link => {
                let target = inner_path(link_target(entry)?.as_bytes())?;
                Some(self.tree.put_hard_link(&parent, name, &target)?)
            }
            // The runtime gives a container its devices; a pipe or an unknown kind has no use in an image.
            _ => None,
        };
        self.made.extend(inode);
        Ok(())
    }

    fn whiteout(&self, parent: &super::tree::Parent, name: &OsStr, hidden: &[u8]) -> io::Result<()> {
        if name.as_bytes() == OPAQUE {
            return parent.clear(&self.made);
        }
        if name.as_bytes().starts_with(AUFS_METADATA) {
            return Ok(());
        }
        if matches!(hidden, b"" | b"." | b"..") {
            return Err(refused("its whiteout names no file"));
        }
        parent.remove(OsStr::from_bytes(hidden))
    }
}

/// Makes a path of the archive relative to the image's root; an absolute one counts from there.
fn inner_path(bytes: &[u8]) -> io::Result<PathBuf> {
    if bytes.len() > PATH_BYTES || bytes.contains(&0) {
        return Err(refused("its path is too long or holds a NUL"));
    }
    let mut path = PathBuf::new();
    for part in Path::new(OsStr::from_bytes(bytes)).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => return Err(refused("its path leads out by `..`")),
        }
    }
    if path.components().count() > PATH_PARTS {
        return Err(refused("its path is too deep"));
    }
    Ok(path)
}

fn link_target(entry: &Entry<'_, LayerReader>) -> io::Result<OsString> {
    let target = entry.link_name_bytes().ok_or_else(|| refused("its link has no target"))?.into_owned();
    if target.is_empty() || target.len() > PATH_BYTES || target.contains(&0) {
        return Err(refused("its link's target is empty, too long or holds a NUL"));
    }
    Ok(OsString::from_vec(target))
}

pub(super) fn refused(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
