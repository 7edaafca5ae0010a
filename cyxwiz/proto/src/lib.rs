//! The wire types of the market, generated from `proto/cyxwiz` at build time, and the job's way to and from the rules.

mod convert;

pub use convert::{coin_of, state_of};

/// Generated code. Use the re-exports below.
#[allow(
    missing_docs,
    clippy::all,
    clippy::allow_attributes_without_reason,
    unreachable_pub,
    rust_2018_idioms
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/cyxwiz_proto.rs"));
}

/// Messages, service traits and clients of `cyxwiz.v1`.
pub use generated::cyxwiz::v1;

/// The descriptors of everything under `proto/cyxwiz`, encoded as a `FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));
