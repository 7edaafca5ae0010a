//! The wire types of VYR, generated from `proto/` at build time.
//!
//! `control` is the frozen Control API v0 (messages, service trait, client);
//! `record` is the durable task record's own format.

/// Generated code. Use the re-exports below.
#[allow(
    missing_docs,
    clippy::all,
    clippy::allow_attributes_without_reason,
    unreachable_pub,
    rust_2018_idioms
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/vyr_proto.rs"));
}

/// The Control API v0.
pub use generated::vyr::control::v0 as control;
/// The durable task record.
pub use generated::vyr::record::v1 as record;

/// The descriptors of everything under `proto/`, encoded as a `FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));
