use connectrpc::{RequestContext, Response, ServiceRequest, ServiceResult, ServiceStream};
use cyxwiz_proto::v1::{
    CancelJobRequest, CancelJobResponse, CreateJobRequest, CreateJobResponse, DisputeJobRequest,
    DisputeJobResponse, EstimateJobRequest, EstimateJobResponse, GetJobRequest, GetJobResponse, JobService,
    ListJobsRequest, ListJobsResponse, ListResultsRequest, ListResultsResponse, QueueJobRequest,
    QueueJobResponse, WatchJobRequest, WatchJobResponse,
};

use super::{cancel, create, dispute, estimate, list, queue, results, row, view, watch};
use crate::Caller;
use crate::market::Market;
use crate::traces::CallTrace;

/// `cyxwiz.v1.JobService`
#[derive(Clone, Debug)]
pub struct Jobs(pub Market);

#[expect(refining_impl_trait, reason = "the service is internal: nobody implements or names these types")]
impl JobService for Jobs {
    async fn estimate_job(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, EstimateJobRequest>,
    ) -> ServiceResult<EstimateJobResponse> {
        let buyer = Caller::of(&context).buyer()?;
        Response::ok(estimate::estimate(&self.0, &buyer, request.to_owned_message()).await?)
    }

    async fn create_job(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, CreateJobRequest>,
    ) -> ServiceResult<CreateJobResponse> {
        let buyer = Caller::of(&context).buyer()?;
        let call = CallTrace::of(&context);
        Response::ok(create::create(&self.0, &buyer, call, request.to_owned_message()).await?)
    }

    async fn queue_job(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, QueueJobRequest>,
    ) -> ServiceResult<QueueJobResponse> {
        let buyer = Caller::of(&context).buyer()?;
        Response::ok(queue::queue(&self.0, &buyer, request.to_owned_message()).await?)
    }

    async fn get_job(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, GetJobRequest>,
    ) -> ServiceResult<GetJobResponse> {
        let buyer = Caller::of(&context).buyer()?;
        let job = row::of_account(self.0.pool(), buyer.account, request.job_id).await?;
        let job = view::one(&self.0, job).await.map_err(crate::Refusal::from)?;
        Response::ok(GetJobResponse { job: job.into(), ..Default::default() })
    }

    async fn list_jobs(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, ListJobsRequest>,
    ) -> ServiceResult<ListJobsResponse> {
        let buyer = Caller::of(&context).buyer()?;
        Response::ok(list::list(&self.0, &buyer, request.to_owned_message()).await?)
    }

    async fn watch_job(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, WatchJobRequest>,
    ) -> ServiceResult<ServiceStream<WatchJobResponse>> {
        let buyer = Caller::of(&context).buyer()?;
        let job = row::of_account(self.0.pool(), buyer.account, request.job_id).await?;
        Response::ok(Box::pin(watch::follow(&self.0, &buyer, job.id, request.after_seq)))
    }

    async fn cancel_job(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, CancelJobRequest>,
    ) -> ServiceResult<CancelJobResponse> {
        let buyer = Caller::of(&context).buyer()?;
        Response::ok(cancel::cancel(&self.0, &buyer, request.to_owned_message()).await?)
    }

    async fn list_results(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, ListResultsRequest>,
    ) -> ServiceResult<ListResultsResponse> {
        let buyer = Caller::of(&context).buyer()?;
        Response::ok(results::results(&self.0, &buyer, request.to_owned_message()).await?)
    }

    async fn dispute_job(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, DisputeJobRequest>,
    ) -> ServiceResult<DisputeJobResponse> {
        let buyer = Caller::of(&context).buyer()?;
        Response::ok(dispute::dispute(&self.0, &buyer, request.to_owned_message()).await?)
    }
}
