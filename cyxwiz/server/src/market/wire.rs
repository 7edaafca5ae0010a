use buffa_types::google::protobuf::Duration;
use cyxwiz_model::{Class, Reason, Span};
use cyxwiz_proto::v1;

use crate::Refusal;

/// A length of time on the wire.
#[must_use]
pub fn duration(span: Span) -> Duration {
    Duration {
        seconds: i64::try_from(span.0 / 1000).unwrap_or(i64::MAX),
        nanos: i32::try_from(span.0 % 1000).unwrap_or(0).saturating_mul(1_000_000),
        ..Default::default()
    }
}

/// 32 bytes, or a refusal that names the field.
///
/// # Errors
/// Another length.
pub fn bytes32(field: &'static str, bytes: &[u8]) -> Result<[u8; 32], Refusal> {
    bytes.try_into().map_err(|_| Refusal::field(field, format!("{} bytes, 32 are wanted", bytes.len())))
}

/// A file on the wire.
#[must_use]
pub fn file_info(path: String, size: u64, sha256: Vec<u8>) -> v1::FileInfo {
    v1::FileInfo { path, size, sha256, ..Default::default() }
}

/// How a run ended, on the wire.
#[must_use]
pub fn ending_wire(reason: Reason, exit_code: Option<i32>, message: &str, delivered: bool) -> v1::Ending {
    let class = match reason.class() {
        None => v1::FailureClass::Unspecified,
        Some(Class::User) => v1::FailureClass::User,
        Some(Class::Node) => v1::FailureClass::Node,
        Some(Class::Platform) => v1::FailureClass::Platform,
    };
    v1::Ending {
        reason: reason.word().to_owned(),
        failure_class: class.into(),
        exit_code,
        message: message.to_owned(),
        outputs_delivered: delivered,
        ..Default::default()
    }
}
