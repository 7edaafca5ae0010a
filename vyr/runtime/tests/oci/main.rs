//! The OCI fallback on real containers. Needs an OCI runtime (runc 1.1 or newer), busybox-static, and root or
//! user namespaces; every image is built here, from busybox.

#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod full;
mod hostile;
mod image;
mod isolation;
mod lifecycle;
mod limits;
mod programs;
mod rate;
mod store;
mod support;
