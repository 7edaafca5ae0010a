//! The OCI fallback on real containers. Needs an OCI runtime (runc 1.1 or newer), busybox-static, and root or
//! user namespaces; every image is built here, from busybox.

#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

#[path = "oci/full.rs"]
mod full;
#[path = "oci/hostile.rs"]
mod hostile;
#[path = "oci/image.rs"]
mod image;
#[path = "oci/isolation.rs"]
mod isolation;
#[path = "oci/lifecycle.rs"]
mod lifecycle;
#[path = "oci/limits.rs"]
mod limits;
#[path = "oci/programs.rs"]
mod programs;
#[path = "oci/rate.rs"]
mod rate;
#[path = "oci/store.rs"]
mod store;
#[path = "oci/support.rs"]
mod support;
