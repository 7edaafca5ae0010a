//! The market's server, as a buyer speaks with it.
//!
//! ```text
//! Origin ─► Wire (one pool of connections) ─┬─► Server   calls that need no session
//!                                           ├─► Buyer    calls with a session, renewed and repeated as need be
//!                                           └─► tus, downloads
//! ```

mod buyer;
mod origin;
mod platform;
mod refusal;
mod retry;
mod session;
mod signin;
mod wire;

pub(crate) use buyer::Buyer;
pub(crate) use origin::{Origin, OriginError};
pub(crate) use platform::{Platform, PlatformError};
pub(crate) use refusal::{ServerError, plain};
pub(crate) use retry::pause;
pub(crate) use session::{Sessions, Stored};
pub(crate) use signin::{SignInError, Wanted, check};
pub(crate) use wire::{Wire, WireError};

use buffa_types::google::protobuf::Timestamp;
use connectrpc::client::ClientConfig;
use cyxwiz_model::Moment;
use cyxwiz_proto::v1::{AuthServiceClient, JobServiceClient, PaymentServiceClient};

/// The place in a trace of whoever runs the command, as W3C has it: the trace of a job that it submits is that one.
const TRACEPARENT: &str = "TRACEPARENT";
/// How long a call that is no stream may take.
const CALL_LIMIT: std::time::Duration = std::time::Duration::from_secs(60);

/// A server, whether or not somebody is signed in there.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) origin: Origin,
    pub(crate) wire: Wire,
    pub(crate) auth: AuthServiceClient<Wire>,
    pub(crate) payments: PaymentServiceClient<Wire>,
    jobs: JobServiceClient<Wire>,
    /// Without a limit on the time, for streams.
    streams: JobServiceClient<Wire>,
}

impl Server {
    /// Prepares; connects at the first call.
    pub(crate) fn new(origin: Origin, wire: Wire) -> Self {
        let config = ClientConfig::new(origin.uri().clone());
        let bounded = config.clone().with_default_timeout(CALL_LIMIT);
        // jobs alone: what somebody submits is part of what he is about
        let traced = |config: ClientConfig| match std::env::var(TRACEPARENT) {
            Ok(place) if !place.is_empty() => config.with_default_header("traceparent", place),
            _ => config,
        };
        Self {
            auth: AuthServiceClient::new(wire.clone(), bounded.clone()),
            payments: PaymentServiceClient::new(wire.clone(), bounded.clone()),
            jobs: JobServiceClient::new(wire.clone(), traced(bounded)),
            streams: JobServiceClient::new(wire.clone(), traced(config)),
            origin,
            wire,
        }
    }
}

/// A moment as the server writes it.
pub(crate) fn moment(at: &Timestamp) -> Moment {
    Moment(at.seconds.saturating_mul(1000).saturating_add(i64::from(at.nanos) / 1_000_000))
}
