//! Whole stories with the real binaries and with clients that others wrote.
//!
//! Needs the `vyr` binary (`VYR_BIN`, else beside this test), the guests (`VYR_GUESTS`), Python
//! with grpcio-tools and opentelemetry-proto (`VYR_PYTHON`), rotel (`VYR_ROTEL`), curl, openssl.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where its assumption does"
)]

mod api;
mod cli;
mod hostile;
mod market;
mod otlp;
mod recovery;
mod state;
mod support;
