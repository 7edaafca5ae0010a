use connectrpc::{
    ConnectError, ErrorCode, RequestContext, Response, ServiceRequest, ServiceResult, ServiceStream,
};
use cyxwiz_chain::escrow::policy;
use cyxwiz_model::{Coin, HourlyPrice, HourlyRate, JobId, JobSpec, JobState, Moment, SolRate};
use cyxwiz_proto::state_of;
use cyxwiz_proto::v1::{
    CancelJobRequest, CancelJobResponse, Cost, CreateJobRequest, CreateJobResponse, DisputeJobRequest,
    DisputeJobResponse, EstimateJobRequest, EstimateJobResponse, FileInfo, FileLink, GetJobRequest,
    GetJobResponse, Job, JobService, ListJobsRequest, ListJobsResponse, ListResultsRequest,
    ListResultsResponse, QueueJobRequest, QueueJobResponse, Quote, Reason, Terms, WatchJobRequest,
    WatchJobResponse,
};
use sha2::{Digest as _, Sha256};

use super::{Held, Shared, State, at, millis, now, refuse, state};

const MICRO_USD_PER_SOL: u64 = 160_000_000;

fn unknown() -> ConnectError {
    refuse(ErrorCode::NotFound, Reason::REASON_NOT_FOUND, "you have no such job")
}

impl State {
    fn find(&self, id: &str) -> Result<&Held, ConnectError> {
        self.jobs.get(id).ok_or_else(unknown)
    }

    fn missing(&self, held: &Held) -> Vec<FileInfo> {
        let there = |file: &&FileInfo| {
            !self.uploads.values().any(|upload| {
                upload.job == held.job.id
                    && upload.path == file.path
                    && upload.whole()
                    && upload.data.len() as u64 == file.size
            })
        };
        held.files.iter().filter(there).cloned().collect()
    }
}

fn rate(spec: &JobSpec, price: u64) -> HourlyRate {
    let sol = SolRate { micro_usd: MICRO_USD_PER_SOL, at: Moment(0) };
    HourlyRate::of(HourlyPrice(price), spec.coin, Some(sol), Moment(0)).unwrap()
}

#[expect(refining_impl_trait, reason = "nobody names these types")]
impl JobService for Shared {
    async fn estimate_job(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, EstimateJobRequest>,
    ) -> ServiceResult<EstimateJobResponse> {
        self.caller(&context)?;
        let spec = request.to_owned_message().spec.into_option().unwrap();
        let spec = JobSpec::try_from(spec).map_err(|error| {
            refuse(ErrorCode::InvalidArgument, Reason::REASON_BAD_REQUEST, &error.to_string())
        })?;
        let state = self.state();
        let mut answer = state.estimate.clone();
        if let Some(price) = state.price {
            let rate = rate(&spec, price);
            answer.quote = Quote {
                coin: cyxwiz_proto::v1::Coin::from(spec.coin).into(),
                micro_usd_per_hour: price,
                base_units_per_hour: rate.base_units,
                micro_usd_per_sol: if spec.coin == Coin::Sol { MICRO_USD_PER_SOL } else { 0 },
                expires_at: at(millis() + state.quote_ms).into(),
                token: vec![1],
                ..Default::default()
            }
            .into();
            answer.deposit = rate.deposit(spec.timeout).unwrap().0;
        } else {
            answer.offers.clear();
        }
        Response::ok(answer)
    }

    async fn create_job(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, CreateJobRequest>,
    ) -> ServiceResult<CreateJobResponse> {
        let owner = self.caller(&context)?;
        assert!(self.buyers.contains(&owner));
        let request = request.to_owned_message();
        let config = self.rpc.config(&self.contract).await.unwrap();
        let time = self.rpc.time().await.unwrap();
        let mut state = self.state();
        if let Some(id) = state.keys.get(&request.idempotency_key) {
            let held = &state.jobs[id];
            if held.request.files != request.files || held.request.deposit != request.deposit {
                let reason = Reason::REASON_IDEMPOTENCY_CONFLICT;
                return Err(refuse(ErrorCode::AlreadyExists, reason, "another request"));
            }
            let (job, missing) = (held.job.clone().into(), state.missing(held));
            return Response::ok(CreateJobResponse { job, missing, ..Default::default() });
        }
        let quote = request.quote.as_option().unwrap();
        if quote.expires_at.as_option().unwrap().seconds < millis() / 1000 {
            let reason = Reason::REASON_QUOTE_EXPIRED;
            return Err(refuse(ErrorCode::FailedPrecondition, reason, "the quote is over 60 seconds old"));
        }
        let wire = request.spec.as_option().unwrap().clone();
        let spec = JobSpec::try_from(wire.clone()).unwrap();
        let id = JobId::generate();
        let mut terms = Terms {
            escrow_job_id: id.as_bytes().to_vec(),
            coin: wire.coin,
            deposit: request.deposit,
            limit: request.limit,
            expire_at: cyxwiz_model::expire_at(Moment(time.0 * 1000), spec.timeout).seconds(),
            config_version: config.version.0,
            program: self.contract.program.id.to_string(),
            settle_key: config.settle_key.to_string(),
            treasury: config.treasury.to_string(),
            fee_bps: config.fee.0.into(),
            ..Default::default()
        };
        (state.terms)(&mut terms);
        let job = Job {
            id: id.to_string(),
            spec: wire.into(),
            state: cyxwiz_proto::v1::JobState::Draft.into(),
            quote: quote.clone().into(),
            cost: Cost { coin: terms.coin, deposit: terms.deposit, ..Default::default() }.into(),
            terms: terms.into(),
            created_at: now().into(),
            ..Default::default()
        };
        let held =
            Held { job: job.clone(), files: request.files.clone(), request: request.clone(), events: vec![] };
        let missing = state.missing(&held);
        state.keys.insert(request.idempotency_key, job.id.clone());
        state.jobs.insert(job.id.clone(), held);
        Response::ok(CreateJobResponse { job: job.into(), missing, ..Default::default() })
    }

    async fn queue_job(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, QueueJobRequest>,
    ) -> ServiceResult<QueueJobResponse> {
        let owner = self.caller(&context)?;
        let request = request.to_owned_message();
        let id: JobId = request.job_id.parse().unwrap();
        let escrow = policy::JobId(*id.as_bytes());
        let found = self.rpc.escrow(&self.contract, &owner.parse().unwrap(), escrow).await.unwrap();
        let mut state = self.state();
        let (missing, deposit) = {
            let held = state.find(&request.job_id)?;
            (state.missing(held), held.job.terms.as_option().unwrap().deposit)
        };
        if !missing.is_empty() {
            return Err(refuse(
                ErrorCode::FailedPrecondition,
                Reason::REASON_FILES_MISSING,
                "files are missing",
            ));
        }
        if state.late > 0 || found.is_none_or(|found| found.escrow.deposit.0 != deposit) {
            state.late = state.late.saturating_sub(1);
            let reason = Reason::REASON_ESCROW_MISMATCH;
            return Err(refuse(ErrorCode::FailedPrecondition, reason, "the escrow is not open"));
        }
        let (script, end) = (state.script.clone(), state.end);
        let held = state.jobs.get_mut(&request.job_id).unwrap();
        if state_of(held.job.state) == Some(JobState::Draft) {
            held.job.state = cyxwiz_proto::v1::JobState::Queued.into();
            held.job.open_signature = request.open_signature;
            held.extend(vec![self::state(cyxwiz_proto::v1::JobState::Queued, "waits for a node")]);
            held.extend(script);
            end(&mut held.job);
        }
        Response::ok(QueueJobResponse { job: held.job.clone().into(), ..Default::default() })
    }

    async fn get_job(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, GetJobRequest>,
    ) -> ServiceResult<GetJobResponse> {
        self.caller(&context)?;
        let job = self.state().find(request.job_id)?.job.clone();
        Response::ok(GetJobResponse { job: job.into(), ..Default::default() })
    }

    async fn list_jobs(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, ListJobsRequest>,
    ) -> ServiceResult<ListJobsResponse> {
        self.caller(&context)?;
        let request = request.to_owned_message();
        let state = self.state();
        // a page holds one, so that pages are walked
        let jobs: Vec<Job> = state
            .jobs
            .values()
            .rev()
            .map(|held| held.job.clone())
            .filter(|job| request.states.is_empty() || request.states.contains(&job.state))
            .collect();
        let at: usize = request.page_token.parse().unwrap_or(0);
        let next_page_token = if at + 1 < jobs.len() { (at + 1).to_string() } else { String::new() };
        let jobs = jobs.into_iter().skip(at).take(1).collect();
        Response::ok(ListJobsResponse { jobs, next_page_token, ..Default::default() })
    }

    async fn watch_job(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, WatchJobRequest>,
    ) -> ServiceResult<ServiceStream<WatchJobResponse>> {
        self.caller(&context)?;
        let request = request.to_owned_message();
        let cut = {
            let mut state = self.state();
            state.find(&request.job_id)?;
            state.watches.push(request.after_seq);
            state.cut_every
        };
        let (shared, id, mut seen) = (self.clone(), request.job_id, 0);
        let after = request.after_seq;
        let stream = futures::stream::unfold((0_usize, false), move |(at, ended)| {
            let (shared, id) = (shared.clone(), id.clone());
            let broken = cut.is_some_and(|cut| seen >= cut);
            seen += 1;
            async move {
                if ended {
                    return None;
                }
                if broken {
                    return Some((Err(ConnectError::unavailable("cut")), (at, true)));
                }
                loop {
                    let news = shared.news.notified();
                    {
                        let state = shared.state();
                        let held = &state.jobs[&id];
                        let next = held.events.iter().enumerate().skip(at);
                        let next = next.into_iter().find(|(_, event)| event.seq == 0 || event.seq > after);
                        if let Some((found, event)) = next {
                            return Some((Ok(event.clone()), (found + 1, false)));
                        }
                        if state_of(held.job.state).is_some_and(JobState::is_terminal) {
                            return None;
                        }
                    }
                    // woken, or looking again by itself
                    let _ = tokio::time::timeout(std::time::Duration::from_millis(50), news).await;
                }
            }
        });
        Response::ok(Box::pin(stream))
    }

    async fn cancel_job(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, CancelJobRequest>,
    ) -> ServiceResult<CancelJobResponse> {
        self.caller(&context)?;
        let mut state = self.state();
        let held = state.jobs.get_mut(request.job_id).ok_or_else(unknown)?;
        let next = match state_of(held.job.state).unwrap() {
            JobState::Draft => cyxwiz_proto::v1::JobState::Cancelled,
            _ => cyxwiz_proto::v1::JobState::Refunding,
        };
        held.job.state = next.into();
        Response::ok(CancelJobResponse { job: held.job.clone().into(), ..Default::default() })
    }

    async fn list_results(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, ListResultsRequest>,
    ) -> ServiceResult<ListResultsResponse> {
        self.caller(&context)?;
        let state = self.state();
        state.find(request.job_id)?;
        if !state.withheld.is_empty() {
            let withheld_because = state.withheld.clone();
            return Response::ok(ListResultsResponse { withheld_because, ..Default::default() });
        }
        let link = |(number, (path, bytes)): (usize, &(String, Vec<u8>))| {
            let (size, sha256) = (bytes.len() as u64, Sha256::digest(bytes).to_vec());
            let file = FileInfo { path: path.clone(), size, sha256, ..Default::default() };
            FileLink { file: file.into(), url: format!("/outputs/{number}"), ..Default::default() }
        };
        let files = state.outputs.iter().enumerate().map(link).collect();
        Response::ok(ListResultsResponse { files, ..Default::default() })
    }

    async fn dispute_job(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, DisputeJobRequest>,
    ) -> ServiceResult<DisputeJobResponse> {
        self.caller(&context)?;
        let job = self.state().find(request.job_id)?.job.clone();
        Response::ok(DisputeJobResponse {
            job: job.into(),
            evidence: vec!["exit code 0".to_owned(), format!("the buyer says: {}", request.reason)],
            upheld: false,
            ..Default::default()
        })
    }
}
