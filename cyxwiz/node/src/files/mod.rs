//! Files on their way: inputs from links, outputs and checkpoints by tus, and folders of untrusted scripts.
//!
//! ```text
//! download: link or data URL ─► part file ─► digest ─► in place
//! tree:     a script's folder ─► entries (never through a link) ─► upload: POST, PATCH…, digest at the end
//! ```

mod download;
mod give;
mod public;
mod tree;
mod upload;

pub(crate) use download::{DownloadError, Wanted, fetch};
pub(crate) use give::give;
pub(crate) use public::client as public_client;
pub(crate) use tree::{Bounds, Entry, Scan, hash, open as open_file, scan};
pub(crate) use upload::{Tus, UploadError};
