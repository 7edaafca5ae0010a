use std::path::PathBuf;

use connectrpc::client::{ClientConfig, ServerStream};
use http::Uri;
use hyper::body::Incoming;
use vyr_proto::control::{
    BindStateRequest, BindStateResponse, CancelTaskRequest, CancelTaskResponse, ControlServiceClient,
    CreateStateRequest, CreateStateResponse, PutArtifactRequest, PutArtifactResponse, StreamMetricsRequest,
    StreamMetricsResponse, StreamTracesRequest, StreamTracesResponse, SubmitTaskRequest, SubmitTaskResponse,
};

use crate::{Endpoint, SdkError, wire::Wire};

/// A connection to one node. Clones share its connection pool.
#[derive(Clone)]
pub struct Client {
    pub(crate) endpoint: Endpoint,
    pub(crate) wire: Wire,
    calls: ControlServiceClient<Wire>,
}

macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident: $request:ty => $response:ty;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// The node's refusal, or no answer.
        pub async fn $name(&self, request: $request) -> Result<$response, SdkError> {
            let answer = self.calls.$name(request).await.map_err(|error| SdkError::of_call(error, &self.endpoint))?;
            Ok(answer.into_owned())
        }
    )*};
}

impl Client {
    /// Prepares a client; connects at the first call.
    ///
    /// # Errors
    /// `https` without a readable certificate file in `tls_ca`.
    pub fn new(endpoint: Endpoint, tls_ca: Option<&PathBuf>) -> Result<Self, SdkError> {
        let wire = Wire::new(&endpoint, tls_ca)?;
        let base = match &endpoint {
            Endpoint::Unix(_) => Uri::from_static("http://localhost"),
            Endpoint::Http { authority, .. } => {
                format!("http://{authority}").parse().map_err(|_| SdkError::Broken("bad host name".into()))?
            }
        };
        let calls = ControlServiceClient::new(wire.clone(), ClientConfig::new(base));
        Ok(Self { endpoint, wire, calls })
    }

    /// Sends `traceparent` with each call, so that the node's spans join the caller's trace.
    #[must_use]
    pub fn with_traceparent(mut self, traceparent: &str) -> Self {
        let config = self.calls.config().clone().with_default_header("traceparent", traceparent);
        self.calls = ControlServiceClient::new(self.wire.clone(), config);
        self
    }

    unary! {
        /// Stores a signed artifact whose blobs were put before.
        put_artifact: PutArtifactRequest => PutArtifactResponse;
        /// Records a task and queues it.
        submit_task: SubmitTaskRequest => SubmitTaskResponse;
        /// Ends a task that has not ended.
        cancel_task: CancelTaskRequest => CancelTaskResponse;
        /// Makes an empty ephemeral state.
        create_state: CreateStateRequest => CreateStateResponse;
        /// Gives a state to a held task.
        bind_state: BindStateRequest => BindStateResponse;
    }

    /// Streams tasks, their lifecycle and their traces.
    ///
    /// # Errors
    /// The node's refusal, or no answer.
    pub async fn stream_traces(&self, request: StreamTracesRequest) -> Result<TraceStream, SdkError> {
        let stream = self
            .calls
            .stream_traces(request)
            .await
            .map_err(|error| SdkError::of_call(error, &self.endpoint))?;
        Ok(TraceStream { stream, endpoint: self.endpoint.clone() })
    }

    /// Streams the node's metrics.
    ///
    /// # Errors
    /// The node's refusal, or no answer.
    pub async fn stream_metrics(&self, request: StreamMetricsRequest) -> Result<MetricStream, SdkError> {
        let stream = self
            .calls
            .stream_metrics(request)
            .await
            .map_err(|error| SdkError::of_call(error, &self.endpoint))?;
        Ok(MetricStream { stream, endpoint: self.endpoint.clone() })
    }
}

macro_rules! stream {
    ($(#[$doc:meta])* $name:ident, $view:ident, $message:ty) => {
        $(#[$doc])*
        pub struct $name {
            stream: ServerStream<Incoming, vyr_proto::control::$view<'static>>,
            endpoint: Endpoint,
        }

        impl $name {
            /// Returns the next message; `None` at the end of the stream.
            ///
            /// # Errors
            /// The node ended the stream with an error, or the connection broke.
            pub async fn next(&mut self) -> Result<Option<$message>, SdkError> {
                let message = self.stream.message().await;
                let message = message.map_err(|error| SdkError::of_call(error, &self.endpoint))?;
                if let Some(message) = message {
                    return Ok(Some(message.to_owned_message()));
                }
                match self.stream.error() {
                    Some(error) => Err(SdkError::of_call(error.clone(), &self.endpoint)),
                    None => Ok(None),
                }
            }
        }
    };
}

stream!(
    /// What `StreamTraces` sends.
    TraceStream, StreamTracesResponseView, StreamTracesResponse
);
stream!(
    /// What `StreamMetrics` sends.
    MetricStream, StreamMetricsResponseView, StreamMetricsResponse
);
