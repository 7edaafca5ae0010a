//! A call that the server refuses: what happened, for programs and for people.

use std::fmt;
use std::time::Duration;

use buffa_types::google::protobuf::Duration as ProtoDuration;
use connectrpc::{ConnectError, ErrorCode, ErrorDetail};
use cyxwiz_proto::v1::{ErrorInfo, Reason};

use crate::ServerError;

/// When to come back where the database was away for a moment.
const COME_BACK: Duration = Duration::from_secs(1);

/// Why a call is refused.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The class.
    pub code: ErrorCode,
    /// Why, for programs.
    pub reason: Reason,
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
    /// Refuses for a reason; the code follows from it.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        let (mend, subject) = (String::new(), String::new());
        Self { code: code_of(reason), reason, message: message.into(), mend, subject, retry_after: None }
    }

    /// Refuses one field of a request.
    pub fn field(field: impl Into<String>, message: impl fmt::Display) -> Self {
        let field = field.into();
        Self::new(Reason::REASON_BAD_REQUEST, format!("{field}: {message}")).subject(field)
    }

    /// Says that the caller owns no such thing.
    pub fn not_found(what: &str, id: impl fmt::Display) -> Self {
        let id = id.to_string();
        Self::new(Reason::REASON_NOT_FOUND, format!("you have no {what} `{id}`")).subject(id)
    }

    /// Says that the caller must sign in.
    #[must_use]
    pub fn no_session(message: &str) -> Self {
        Self::new(Reason::REASON_NO_SESSION, message).mend("sign in and call again")
    }

    /// Says that the server stops.
    #[must_use]
    pub fn draining() -> Self {
        Self::new(Reason::REASON_DRAINING, "this server stops; another takes over")
            .mend("connect again")
            .retry_after(COME_BACK)
    }

    /// Says what to do.
    #[must_use]
    pub fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = mend.into();
        self
    }

    /// Says what it is about.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

/// The class of each reason.
const fn code_of(reason: Reason) -> ErrorCode {
    match reason {
        Reason::REASON_BAD_REQUEST => ErrorCode::InvalidArgument,
        Reason::REASON_NO_SESSION | Reason::REASON_BAD_CHALLENGE | Reason::REASON_BAD_SIGNATURE => {
            ErrorCode::Unauthenticated
        }
        Reason::REASON_WRONG_ROLE | Reason::REASON_BANNED => ErrorCode::PermissionDenied,
        Reason::REASON_NOT_FOUND => ErrorCode::NotFound,
        Reason::REASON_RATE_LIMITED | Reason::REASON_QUOTA => ErrorCode::ResourceExhausted,
        Reason::REASON_IDEMPOTENCY_CONFLICT => ErrorCode::AlreadyExists,
        Reason::REASON_STALE_EPOCH => ErrorCode::Aborted,
        Reason::REASON_QUOTE_EXPIRED
        | Reason::REASON_NO_MATCH
        | Reason::REASON_FILES_MISSING
        | Reason::REASON_ESCROW_MISMATCH
        | Reason::REASON_WRONG_STATE
        | Reason::REASON_NO_SOL_RATE => ErrorCode::FailedPrecondition,
        Reason::REASON_PAUSED | Reason::REASON_DRAINING => ErrorCode::Unavailable,
        Reason::REASON_INTERNAL | Reason::REASON_UNSPECIFIED => ErrorCode::Internal,
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

/// The server's own fault: logged here once, under a number that the caller is told.
impl From<ServerError> for Refusal {
    fn from(error: ServerError) -> Self {
        let number = uuid::Uuid::now_v7().simple().to_string();
        let chain = chain_of(&error);
        tracing::error!(
            error.number = number,
            error.chain = chain,
            "a call failed by the server's own fault"
        );
        let mut refusal = Self::new(Reason::REASON_INTERNAL, format!("the server failed: report {number}"));
        if error.is_transient() {
            refusal.code = ErrorCode::Unavailable;
            refusal = refusal.mend("try again").retry_after(COME_BACK);
        }
        refusal.subject(number)
    }
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        ServerError::from(error).into()
    }
}

/// An error and its causes in one line.
pub fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

impl From<Refusal> for ConnectError {
    fn from(refusal: Refusal) -> Self {
        let retry_after = refusal.retry_after.map(|wait| ProtoDuration {
            seconds: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            nanos: i32::try_from(wait.subsec_nanos()).unwrap_or(0),
            ..Default::default()
        });
        let info = ErrorInfo {
            reason: refusal.reason.into(),
            mend: refusal.mend,
            subject: refusal.subject,
            retry_after: retry_after.into(),
            ..Default::default()
        };
        let detail = ErrorDetail::from_message("cyxwiz.v1.ErrorInfo", &info);
        Self::new(refusal.code, refusal.message).with_detail(detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_carries_its_reason_to_the_caller() {
        let refusal = Refusal::field("timeout_seconds", "at most 86400").retry_after(COME_BACK);
        let error = ConnectError::from(refusal);
        assert_eq!(error.code, ErrorCode::InvalidArgument);
        assert_eq!(error.message.as_deref(), Some("timeout_seconds: at most 86400"));
        assert_eq!(error.details.len(), 1);
    }

    #[test]
    fn a_database_that_is_away_asks_to_come_back() {
        let refusal = Refusal::from(sqlx::Error::PoolTimedOut);
        assert_eq!(refusal.code, ErrorCode::Unavailable);
        assert!(refusal.retry_after.is_some());
        assert!(!refusal.message.contains("pool"));
    }
}
