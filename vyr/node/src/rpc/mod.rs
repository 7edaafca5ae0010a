//! The Control API's seven calls: parse, ask the supervisor, answer.

mod artifact;
mod before;
mod grants;
pub(crate) mod metrics;
pub(crate) mod parse;
pub(crate) mod state;
mod task;
pub(crate) mod traces;

use std::sync::Arc;

use connectrpc::{RequestContext, ServiceRequest, ServiceResult, ServiceStream};
use vyr_proto::control::{
    BindStateRequest, BindStateResponse, CancelTaskRequest, CancelTaskResponse, ControlService,
    CreateStateRequest, CreateStateResponse, PutArtifactRequest, PutArtifactResponse, StreamMetricsRequest,
    StreamMetricsResponse, StreamTracesRequest, StreamTracesResponse, SubmitTaskRequest, SubmitTaskResponse,
};

use self::before::reached;
pub(crate) use self::before::{complete, wrong_method};
use crate::{Refusal, supervisor::Supervisor};

/// The service behind every listener.
pub(crate) struct Control {
    supervisor: Arc<Supervisor>,
    streams: crate::streams::Streams,
}

impl Control {
    pub(crate) fn new(supervisor: Arc<Supervisor>, streams: crate::streams::Streams) -> Self {
        Self { supervisor, streams }
    }
}

#[expect(refining_impl_trait, reason = "the service is internal: nobody implements or names these types")]
impl ControlService for Control {
    async fn put_artifact(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, PutArtifactRequest>,
    ) -> ServiceResult<PutArtifactResponse> {
        reached(&context);
        connectrpc::Response::ok(artifact::put(&self.supervisor, request.to_owned_message()).await?)
    }

    async fn submit_task(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, SubmitTaskRequest>,
    ) -> ServiceResult<SubmitTaskResponse> {
        reached(&context);
        let arrived = vyr_telemetry::Stamp::now();
        let caller = task::traceparent(context.headers());
        let request = request.to_owned_message();
        connectrpc::Response::ok(self.supervisor.submit(request, caller, arrived).await?)
    }

    async fn cancel_task(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, CancelTaskRequest>,
    ) -> ServiceResult<CancelTaskResponse> {
        reached(&context);
        connectrpc::Response::ok(task::cancel(&self.supervisor, request.task_id).await?)
    }

    async fn create_state(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, CreateStateRequest>,
    ) -> ServiceResult<CreateStateResponse> {
        reached(&context);
        connectrpc::Response::ok(state::create(&self.supervisor, &request.to_owned_message())?)
    }

    async fn bind_state(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, BindStateRequest>,
    ) -> ServiceResult<BindStateResponse> {
        reached(&context);
        connectrpc::Response::ok(state::bind(&self.supervisor, &request.to_owned_message()).await?)
    }

    async fn stream_traces(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, StreamTracesRequest>,
    ) -> ServiceResult<ServiceStream<StreamTracesResponse>> {
        reached(&context);
        let place = self.streams.open()?;
        let request = request.to_owned_message();
        let stream = traces::stream(Arc::clone(&self.supervisor), request, place).await?;
        connectrpc::Response::ok(Box::pin(stream))
    }

    async fn stream_metrics(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, StreamMetricsRequest>,
    ) -> ServiceResult<ServiceStream<StreamMetricsResponse>> {
        reached(&context);
        let place = self.streams.open()?;
        let stream = metrics::stream(Arc::clone(&self.supervisor), request.to_owned_message(), place)?;
        connectrpc::Response::ok(Box::pin(stream))
    }
}
