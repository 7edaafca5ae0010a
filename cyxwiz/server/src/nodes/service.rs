use connectrpc::{InboundStream, RequestContext, Response, ServiceRequest, ServiceResult, ServiceStream};
use cyxwiz_proto::v1::{
    AttendRequest, AttendResponse, EnrolNodeRequest, EnrolNodeResponse, GetNodeRequest, GetNodeResponse,
    ListEarningsRequest, ListEarningsResponse, NodeService, PushLogsRequest, PushLogsResponse,
    ReportAttemptRequest, ReportAttemptResponse, ReportBenchmarkRequest, ReportBenchmarkResponse,
};

use super::{attend, earnings, enrol, judge, logs, report, status};
use crate::market::Market;
use crate::{Caller, Refusal};

/// `cyxwiz.v1.NodeService`
#[derive(Clone, Debug)]
pub struct Nodes(pub Market);

#[expect(refining_impl_trait, reason = "the service is internal: nobody implements or names these types")]
impl NodeService for Nodes {
    async fn enrol_node(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, EnrolNodeRequest>,
    ) -> ServiceResult<EnrolNodeResponse> {
        let caller = Caller::of(&context).node()?;
        Response::ok(enrol::enrol(&self.0, &caller, request.to_owned_message()).await?)
    }

    async fn report_benchmark(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, ReportBenchmarkRequest>,
    ) -> ServiceResult<ReportBenchmarkResponse> {
        let caller = Caller::of(&context).node()?;
        Response::ok(judge::report(&self.0, &caller, request.to_owned_message()).await?)
    }

    async fn attend(
        &self,
        context: RequestContext,
        requests: InboundStream<AttendRequest>,
    ) -> ServiceResult<ServiceStream<AttendResponse>> {
        let caller = Caller::of(&context).node()?;
        enrol::refuse_banned(self.0.pool(), caller.node).await?;
        Response::ok(Box::pin(attend::attend(&self.0, &caller, requests)))
    }

    async fn push_logs(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, PushLogsRequest>,
    ) -> ServiceResult<PushLogsResponse> {
        let caller = Caller::of(&context).node()?;
        Response::ok(logs::push(&self.0, caller.node, request.to_owned_message()).await?)
    }

    async fn report_attempt(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, ReportAttemptRequest>,
    ) -> ServiceResult<ReportAttemptResponse> {
        let caller = Caller::of(&context).node()?;
        Response::ok(report::report(&self.0, caller.node, request.to_owned_message()).await?)
    }

    async fn get_node(
        &self,
        context: RequestContext,
        _request: ServiceRequest<'_, GetNodeRequest>,
    ) -> ServiceResult<GetNodeResponse> {
        let caller = Caller::of(&context).node()?;
        let node = status::status(&self.0, caller.node).await.map_err(Refusal::from)?;
        Response::ok(GetNodeResponse { node: node.into(), ..Default::default() })
    }

    async fn list_earnings(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, ListEarningsRequest>,
    ) -> ServiceResult<ListEarningsResponse> {
        let caller = Caller::of(&context).node()?;
        Response::ok(earnings::earnings(&self.0, caller.node, request.to_owned_message()).await?)
    }
}
