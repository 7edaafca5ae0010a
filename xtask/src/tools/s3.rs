//! A server that speaks S3 and keeps objects in a folder, for tests of the object store.

use std::path::PathBuf;

use anyhow::Result;

use super::rust::{self, Program};
use crate::place::Place;

/// The newest that the workspace's compiler builds.
const S3S_FS: Program = Program {
    package: "s3s-fs",
    version: "0.14.1",
    file: "s3s-fs",
    what_for: "as an S3 server for tests",
    flags: &["--features", "binary"],
};

/// Makes sure of the server and returns its path. Building it takes minutes.
pub(crate) fn ensure(place: &Place) -> Result<PathBuf> {
    rust::program(place, &S3S_FS)
}
