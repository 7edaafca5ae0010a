use std::time::Duration;

use base64::Engine as _;
use buffa::Message as _;
use connectrpc::{ConnectError, ErrorCode};
use cyxwiz_proto::v1;

/// A call to the server did not work.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// No answer: try again.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// The server refuses.
    #[error("{message}")]
    Refused {
        code: ErrorCode,
        reason: v1::Reason,
        message: String,
        mend: String,
        retry_after: Option<Duration>,
    },
    /// An answer that is none.
    #[error("the server's answer is wrong: {0}")]
    Wrong(String),
}

/// What follows from a fault for what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Ask again, not before so long.
    Again(Option<Duration>),
    /// The attempt is no longer this node's.
    Fenced,
    /// It stays refused.
    Never,
}

impl Fault {
    pub(crate) fn next(&self) -> Next {
        match self {
            Self::Unreachable(_) => Next::Again(None),
            Self::Wrong(_) => Next::Again(Some(Duration::from_secs(5))),
            Self::Refused { code, reason, retry_after, .. } => match (*reason, *code) {
                (v1::Reason::StaleEpoch | v1::Reason::NotFound, _) => Next::Fenced,
                (v1::Reason::RateLimited | v1::Reason::Draining | v1::Reason::Internal, _)
                | (_, ErrorCode::Unavailable | ErrorCode::ResourceExhausted | ErrorCode::Internal)
                | (_, ErrorCode::Aborted | ErrorCode::DeadlineExceeded | ErrorCode::Unknown) => {
                    Next::Again(*retry_after)
                }
                // a session ends; the next call signs in anew
                (v1::Reason::NoSession, _) | (_, ErrorCode::Unauthenticated) => {
                    Next::Again(Some(Duration::from_secs(1)))
                }
                _ => Next::Never,
            },
        }
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self.next() {
            Next::Again(wait) => wait,
            _ => None,
        }
    }

    /// Whether the session is what is missing.
    pub(crate) fn wants_session(&self) -> bool {
        matches!(self, Self::Refused { code, reason, .. }
            if *reason == v1::Reason::NoSession || *code == ErrorCode::Unauthenticated)
    }
}

impl From<ConnectError> for Fault {
    fn from(error: ConnectError) -> Self {
        let info = error.details.iter().find_map(|detail| {
            detail.type_url.ends_with("cyxwiz.v1.ErrorInfo").then_some(())?;
            let text = detail.value.as_deref()?.trim_end_matches('=');
            let bytes = base64::engine::general_purpose::STANDARD_NO_PAD.decode(text).ok()?;
            v1::ErrorInfo::decode_from_slice(&bytes).ok()
        });
        let message = error.message.clone().unwrap_or_else(|| error.code.as_str().to_owned());
        let Some(info) = info else {
            if matches!(
                error.code,
                ErrorCode::Unavailable | ErrorCode::DeadlineExceeded | ErrorCode::Canceled
            ) {
                return Self::Unreachable(message);
            }
            let (reason, mend) = (v1::Reason::Unspecified, String::new());
            return Self::Refused { code: error.code, reason, message, mend, retry_after: None };
        };
        let retry_after = info.retry_after.as_option().and_then(|wait| {
            Some(Duration::new(u64::try_from(wait.seconds).ok()?, u32::try_from(wait.nanos).ok()?))
        });
        let reason = info.reason.as_known().unwrap_or(v1::Reason::Unspecified);
        Self::Refused { code: error.code, reason, message, mend: info.mend, retry_after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: ErrorCode, reason: v1::Reason) -> Fault {
        Fault::Refused { code, reason, message: String::new(), mend: String::new(), retry_after: None }
    }

    #[test]
    fn only_what_may_work_later_is_tried_again() {
        use ErrorCode as C;
        use v1::Reason as R;
        assert_eq!(Fault::Unreachable(String::new()).next(), Next::Again(None));
        assert_eq!(refused(C::FailedPrecondition, R::StaleEpoch).next(), Next::Fenced);
        assert_eq!(refused(C::NotFound, R::NotFound).next(), Next::Fenced);
        assert_eq!(refused(C::Unavailable, R::Draining).next(), Next::Again(None));
        assert!(matches!(refused(C::Unauthenticated, R::NoSession).next(), Next::Again(Some(_))));
        assert_eq!(refused(C::InvalidArgument, R::BadRequest).next(), Next::Never);
        assert_eq!(refused(C::PermissionDenied, R::Banned).next(), Next::Never);
    }
}
