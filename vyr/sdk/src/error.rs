use std::time::Duration;

use buffa::Message as _;
use connectrpc::{ConnectError, ErrorCode};
use vyr_proto::control::ErrorInfo;

/// A call to the node did not work.
#[derive(Debug, thiserror::Error)]
pub enum SdkError {
    /// No node answers there.
    #[error("no node answers at {endpoint}: start one with `vyr node`, or name another with --node")]
    Unreachable {
        /// The endpoint.
        endpoint: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The node refused the call.
    #[error("{message}")]
    Refused {
        /// The class of the refusal.
        kind: ErrorKind,
        /// The stable name, such as `BLOB_MISSING`.
        reason: String,
        /// What happened.
        message: String,
        /// What to do about it.
        mend: String,
        /// When to try again, where that helps.
        retry_after: Option<Duration>,
    },
    /// The connection broke, or the answer was no answer.
    #[error("the connection to the node broke: {0}")]
    Broken(String),
    /// The file that was to be sent or written failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// The class of a refusal: the Connect and gRPC status codes that a node uses.
pub type ErrorKind = ErrorCode;

impl SdkError {
    /// Returns what the user can do about it, where the node said so.
    pub fn mend(&self) -> Option<&str> {
        match self {
            Self::Refused { mend, .. } if !mend.is_empty() => Some(mend),
            _ => None,
        }
    }

    /// Returns the stable name of the refusal.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Refused { reason, .. } if !reason.is_empty() => Some(reason),
            _ => None,
        }
    }
}

impl From<ConnectError> for SdkError {
    fn from(error: ConnectError) -> Self {
        let info = error.details.iter().find_map(|detail| {
            let bytes = base64_any(detail.value.as_deref()?)?;
            detail.type_url.ends_with("vyr.control.v0.ErrorInfo").then_some(())?;
            ErrorInfo::decode_from_slice(&bytes).ok()
        });
        let message = error.message.clone().unwrap_or_else(|| error.code.as_str().to_owned());
        match info {
            Some(info) => Self::Refused {
                kind: error.code,
                reason: info.reason,
                message,
                mend: info.mend,
                retry_after: info.retry_after.as_option().and_then(|wait| {
                    Some(Duration::new(u64::try_from(wait.seconds).ok()?, u32::try_from(wait.nanos).ok()?))
                }),
            },
            None if error.code == ErrorCode::Unavailable => Self::Broken(message),
            None => Self::Refused {
                kind: error.code,
                reason: String::new(),
                message,
                mend: String::new(),
                retry_after: None,
            },
        }
    }
}

fn base64_any(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD_NO_PAD.decode(text.trim_end_matches('=')).ok()
}
