use std::time::Duration;

use base64::Engine as _;
use buffa::Message as _;
use connectrpc::{ConnectError, ErrorCode};
use cyxwiz_proto::v1::{ErrorInfo, Reason};

/// A call that did not work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    /// Nobody there, or the connection broke.
    #[error("no server answers at {server}")]
    Unreachable {
        server: String,
        #[source]
        source: Box<ConnectError>,
    },
    /// The server says no.
    #[error("{message}")]
    Refused { reason: Reason, message: String, mend: String, retry_after: Option<Duration> },
}

impl ServerError {
    /// Tells a server that does not answer from one that refuses.
    pub(crate) fn of(error: ConnectError, server: &dyn std::fmt::Display) -> Self {
        let info = error.details.iter().find_map(|detail| {
            let text = detail.value.as_deref()?.trim_end_matches('=');
            detail.type_url.ends_with("cyxwiz.v1.ErrorInfo").then_some(())?;
            let bytes = base64::prelude::BASE64_STANDARD_NO_PAD.decode(text).ok()?;
            ErrorInfo::decode_from_slice(&bytes).ok()
        });
        let lost = matches!(error.code, ErrorCode::Unavailable | ErrorCode::DeadlineExceeded);
        if info.is_none() && lost {
            return Self::Unreachable { server: server.to_string(), source: Box::new(error) };
        }
        let info = info.unwrap_or_default();
        let message = error.message.clone().unwrap_or_else(|| error.code.as_str().to_owned());
        Self::Refused {
            reason: info.reason.as_known().unwrap_or_else(|| by_code(error.code)),
            message: plain(&message),
            mend: plain(&info.mend),
            retry_after: info.retry_after.as_option().and_then(|wait| {
                Some(Duration::new(u64::try_from(wait.seconds).ok()?, u32::try_from(wait.nanos).ok()?))
            }),
        }
    }

    /// What to do about it.
    pub(crate) fn mend(&self) -> Option<String> {
        match self {
            Self::Unreachable { .. } => {
                Some("look at the connection, or name another with --server".to_owned())
            }
            Self::Refused { mend, .. } if !mend.is_empty() => Some(mend.clone()),
            Self::Refused { reason, .. } => by_reason(*reason).map(str::to_owned),
        }
    }

    /// Why, where the server said so.
    pub(crate) fn reason(&self) -> Option<Reason> {
        match self {
            Self::Refused { reason, .. } => Some(*reason),
            Self::Unreachable { .. } => None,
        }
    }
}

/// Where the server leaves it to us, since the mend is a command of ours.
fn by_reason(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::REASON_NO_SESSION => "run `cyxwiz login`",
        Reason::REASON_NOT_FOUND => "see `cyxwiz jobs`",
        Reason::REASON_BAD_CHALLENGE => "run `cyxwiz login` again, within five minutes",
        Reason::REASON_QUOTE_EXPIRED => "submit again",
        Reason::REASON_NO_MATCH => "ask for less, or pay more with --max-price",
        Reason::REASON_NO_SOL_RATE => "pay with --coin usdc",
        _ => return None,
    })
}

/// Where a proxy answers in the server's stead there is no detail.
fn by_code(code: ErrorCode) -> Reason {
    match code {
        ErrorCode::Unauthenticated => Reason::REASON_NO_SESSION,
        ErrorCode::NotFound => Reason::REASON_NOT_FOUND,
        ErrorCode::ResourceExhausted => Reason::REASON_RATE_LIMITED,
        _ => Reason::REASON_UNSPECIFIED,
    }
}

/// One line that does nothing to a terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(2000).collect()
}
