//! Applies layers to a folder, so that nothing is ever touched outside it.
//!
//! ```text
//! blob ─► hash ─► gunzip ─► hash (diff_id) ─► meter ─► tar entries ─► Tree (openat2, RESOLVE_IN_ROOT)
//! ```

mod layer;
mod reader;
mod tree;

use std::path::Path;

pub(crate) use tree::Tree;

use super::{OciError, UnpackLimits, image::Image, spec::working_dir};
use reader::Meter;

/// Folders that every container's mounts need.
const MOUNT_POINTS: [&str; 5] = ["proc", "sys", "dev", "tmp", "out"];

/// Unpacks all layers into `root`, an empty folder.
pub(crate) fn unpack(image: &Image, root: &Path, limits: &UnpackLimits) -> Result<(), OciError> {
    let tree = Tree::open(root).map_err(OciError::io(format!("open `{}`", root.display())))?;
    let meter = Meter::new(limits);
    for layer in &image.layers {
        layer::apply(layer, image.blobs.as_ref(), &tree, &meter)?;
    }
    let working_dir = working_dir(&image.config);
    let own = working_dir.strip_prefix("/").unwrap_or(&working_dir);
    for folder in MOUNT_POINTS.iter().map(Path::new).chain([own]) {
        tree.make_dir(folder).map_err(|error| {
            OciError::Image(format!("its `/{}` cannot serve as a folder: {error}", folder.display()))
        })?;
    }
    tree.sync().map_err(OciError::io(format!("sync `{}`", root.display())))
}
