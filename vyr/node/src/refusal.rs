use std::{fmt, time::Duration};

use buffa_types::google::protobuf::Duration as ProtoDuration;
use connectrpc::{ConnectError, ErrorCode, ErrorDetail};
use vyr_proto::control::ErrorInfo;

/// A call that the node refuses: the class, a stable name, what happened and what to do.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The Connect and gRPC status code.
    pub code: ErrorCode,
    /// The stable name, listed in docs/api.
    pub reason: &'static str,
    /// What happened.
    pub message: String,
    /// What the caller can do about it.
    pub mend: String,
    /// What it is about.
    pub subject: String,
    /// When to try again, where that helps.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// Makes a refusal; `subject` is the digest, field or id that it is about.
    pub fn new(
        code: ErrorCode,
        reason: &'static str,
        subject: impl fmt::Display,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            mend: mend.into(),
            subject: subject.to_string(),
            retry_after: None,
        }
    }

    /// Refuses one field of a request.
    pub fn field(field: &'static str, message: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidArgument, "FIELD_INVALID", field, message, mend)
    }

    /// Tells that the node panicked: its own fault, never the caller's.
    pub(crate) fn panicked(subject: impl fmt::Display) -> Self {
        let message = "the node panicked while it answered";
        Self::new(ErrorCode::Internal, "NODE_FAILED", subject, message, "see the node's log, and report it")
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for ConnectError {
    fn from(refusal: Refusal) -> Self {
        let retry_after = refusal.retry_after.map(|wait| ProtoDuration {
            seconds: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            nanos: i32::try_from(wait.subsec_nanos()).unwrap_or(0),
            ..Default::default()
        });
        let info = ErrorInfo {
            reason: refusal.reason.to_owned(),
            mend: refusal.mend,
            subject: refusal.subject,
            retry_after: retry_after.into(),
            ..Default::default()
        };
        let detail = ErrorDetail::from_message("vyr.control.v0.ErrorInfo", &info);
        Self::new(refusal.code, refusal.message).with_detail(detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A panic is not for a test of the running node to make: none is known.
    #[test]
    fn a_panic_is_the_nodes_own_fault() {
        let refusal = Refusal::panicked("st_1");
        assert_eq!((refusal.code, refusal.reason), (ErrorCode::Internal, "NODE_FAILED"));
        assert!(refusal.subject == "st_1" && !refusal.mend.is_empty() && refusal.retry_after.is_none());
    }
}
