use std::{error::Error, io, time::Duration};

use buffa::Message as _;
use connectrpc::{ConnectError, ErrorCode};
use hyper_util::client::legacy;
use vyr_proto::control::ErrorInfo;

use crate::Endpoint;

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
        source: Box<dyn Error + Send + Sync>,
    },
    /// The node answered, then the connection broke: it stopped, or was stopped.
    #[error(
        "the node at {endpoint} went away in the middle of a call: see its log, start it again and ask again"
    )]
    Gone {
        /// The endpoint.
        endpoint: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
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
        /// What it is about: a field's name, an id; may be empty.
        subject: String,
        /// When to try again, where that helps.
        retry_after: Option<Duration>,
    },
    /// The answer was none.
    #[error("the node gave no answer that can be read: {0}")]
    Broken(String),
    /// The file that was to be sent or written failed.
    #[error(transparent)]
    Io(#[from] io::Error),
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

    /// Returns what the refusal is about, where the node said so.
    pub fn subject(&self) -> Option<&str> {
        match self {
            Self::Refused { subject, .. } if !subject.is_empty() => Some(subject),
            _ => None,
        }
    }

    /// Returns when to try again, where that helps.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
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

impl SdkError {
    /// Tells a node that does not answer, and one that went away, from one that refuses.
    pub(crate) fn of_call(error: ConnectError, endpoint: &Endpoint) -> Self {
        // a node's refusal has its detail: without one these codes are our own library's, for a connection that failed
        let ours = matches!(error.code, ErrorCode::Unavailable | ErrorCode::Internal | ErrorCode::Unknown);
        if !ours || info(&error).is_some() {
            return error.into();
        }
        let (endpoint, never) = (endpoint.to_string(), in_chain(&error, legacy::Error::is_connect));
        let source = Box::new(error);
        if never { Self::Unreachable { endpoint, source } } else { Self::Gone { endpoint, source } }
    }

    /// Likewise of a request on the content plane; what our own body could not read is no fault of the node.
    pub(crate) fn of_request(error: legacy::Error, endpoint: &Endpoint) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(this) = cause {
            if let Some(body) = this.downcast_ref::<ConnectError>() {
                return Self::Io(io::Error::other(body.message.clone().unwrap_or_default()));
            }
            cause = this.source();
        }
        let (endpoint, never) = (endpoint.to_string(), error.is_connect());
        let source = Box::new(error);
        if never { Self::Unreachable { endpoint, source } } else { Self::Gone { endpoint, source } }
    }
}

/// Tells whether `test` holds for an error of hyper's client among the causes of `error`.
fn in_chain(error: &(dyn Error + 'static), test: impl Fn(&legacy::Error) -> bool) -> bool {
    let mut cause = Some(error);
    while let Some(this) = cause {
        if this.downcast_ref::<legacy::Error>().is_some_and(&test) {
            return true;
        }
        cause = this.source();
    }
    false
}

fn info(error: &ConnectError) -> Option<ErrorInfo> {
    error.details.iter().find_map(|detail| {
        let bytes = base64_any(detail.value.as_deref()?)?;
        detail.type_url.ends_with("vyr.control.v0.ErrorInfo").then_some(())?;
        ErrorInfo::decode_from_slice(&bytes).ok()
    })
}

impl From<ConnectError> for SdkError {
    fn from(error: ConnectError) -> Self {
        let message = error.message.clone().unwrap_or_else(|| error.code.as_str().to_owned());
        match info(&error) {
            Some(info) => Self::Refused {
                kind: error.code,
                reason: info.reason,
                message,
                mend: info.mend,
                subject: info.subject,
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
                subject: String::new(),
                retry_after: None,
            },
        }
    }
}

fn base64_any(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD_NO_PAD.decode(text.trim_end_matches('=')).ok()
}
