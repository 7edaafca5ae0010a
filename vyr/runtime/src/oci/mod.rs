//! Runs containers from OCI images by an OCI runtime of the host, a compatibility path beside Wasm.
//!
//! ```text
//! ImageSource { manifest, blobs } ──► prepare: verify ─► unpack ─► cached Rootfs
//! RunRequest ──► run: bundle (config.json) ─► runc run ─┬─ stdin, stdout, stderr
//!                                                       ├─ limits: wall, CPU, memory, output
//!                                                       └─ cancel: TERM, grace, KILL
//!            ◄── RunOutcome, and nothing left: no process, mount, cgroup or folder
//! ```
//!
//! A container has no network, no capability, a read-only root, a private `/tmp`, a system call filter and
//! never user 0. What [`Limits`](vyr_model::Limits) says of fuel and host calls has no meaning here; its
//! handles are the limit of open files, which the program sees as an error of its own call.

mod cgroup;
mod command;
mod detect;
mod error;
mod image;
mod options;
mod output;
mod pump;
mod rootfs;
mod runtime;
mod spec;
mod supervise;
mod sweep;
mod terminal;
mod unpack;
pub mod words;

pub use error::OciError;
pub use image::{BlobSource, ImageSource, LayoutBlobs};
pub use options::{OciOptions, UnpackLimits};
pub use rootfs::Rootfs;
pub use runtime::Runtime;
