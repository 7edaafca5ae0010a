//! Small conversions to the wire that every service needs.

use buffa_types::google::protobuf::Timestamp;
use cyxwiz_model::Moment;

/// A moment as protobuf has it.
#[must_use]
pub fn timestamp(at: Moment) -> Timestamp {
    let nanos = i32::try_from(at.0.rem_euclid(1000)).unwrap_or(0) * 1_000_000;
    Timestamp { seconds: at.seconds(), nanos, ..Default::default() }
}
