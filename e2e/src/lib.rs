//! Whole stories, told with the real binaries: a `vyr node`, the `vyr` command, the SDK, programs that others wrote
//! (curl, grpcio, rotel, openssl), and the market's three. The stories are in `tests/it`.
//!
//! ```text
//! tests/it ─┐
//! bench/   ─┴─► market: a platform, its sellers and buyers, as processes     wait: until a condition holds
//! ```

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what tests and measurements stand on ends where its assumption does"
)]

use std::{
    env,
    path::{Path, PathBuf},
};

pub mod market;
mod wait;

pub use wait::{until, until_some};

/// Makes a folder that is gone after the test; its path is short enough for sockets.
#[must_use]
pub fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("vyr").rand_bytes(8).tempdir().unwrap()
}

/// Returns a binary: the one that `name` in the environment says, else the one beside this program's folder.
#[must_use]
pub fn binary(name: &str, file: &str) -> PathBuf {
    if let Some(named) = env::var_os(name) {
        return named.into();
    }
    let own = env::current_exe().unwrap();
    let beside = own.parent().and_then(Path::parent).unwrap().join(file);
    assert!(beside.is_file(), "no {}: run `cargo build --workspace --bins`", beside.display());
    beside
}
