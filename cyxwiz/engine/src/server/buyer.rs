use std::sync::Arc;

use connectrpc::ConnectError;
use connectrpc::client::{CallOptions, ServerStream};
use cyxwiz_chain::escrow::Address;
use cyxwiz_proto::v1::{self, Reason};
use hyper::body::Incoming;
use tokio::sync::Mutex;

use super::{Server, ServerError, Sessions, Stored, pause};
use crate::error::CliError;

/// An access token that ends within this time is renewed first, ms.
const SOON: i64 = 30_000;

/// The job's events as they come.
pub(crate) type Events = ServerStream<Incoming, v1::WatchJobResponseView<'static>>;

/// Somebody who is signed in.
#[derive(Clone)]
pub(crate) struct Buyer {
    pub(crate) server: Server,
    pub(crate) owner: Address,
    sessions: Sessions,
    /// The access token that this process was given last, which the server takes whatever our clock says. Locked while
    /// another is asked for: calls that run at once wait for it here, since the file's lock would stop the one that asks.
    given: Arc<Mutex<Option<String>>>,
}

macro_rules! calls {
    ($($name:ident / $method:ident ($request:ty) -> $response:ty, $client:ident;)*) => {$(
        pub(crate) async fn $name(&self, request: $request) -> Result<$response, CliError> {
            self.call(async |options| {
                let answer = self.server.$client.$method(request.clone(), options).await?;
                Ok(answer.into_owned())
            })
            .await
        }
    )*};
}

impl Buyer {
    pub(crate) fn new(server: Server, owner: Address, sessions: Sessions) -> Self {
        Self { server, owner, sessions, given: Arc::default() }
    }

    calls! {
        estimate / estimate_job_with_options (v1::EstimateJobRequest) -> v1::EstimateJobResponse, jobs;
        create / create_job_with_options (v1::CreateJobRequest) -> v1::CreateJobResponse, jobs;
        queue / queue_job_with_options (v1::QueueJobRequest) -> v1::QueueJobResponse, jobs;
        get / get_job_with_options (v1::GetJobRequest) -> v1::GetJobResponse, jobs;
        list / list_jobs_with_options (v1::ListJobsRequest) -> v1::ListJobsResponse, jobs;
        cancel / cancel_job_with_options (v1::CancelJobRequest) -> v1::CancelJobResponse, jobs;
        results / list_results_with_options (v1::ListResultsRequest) -> v1::ListResultsResponse, jobs;
        dispute / dispute_job_with_options (v1::DisputeJobRequest) -> v1::DisputeJobResponse, jobs;
        logout / logout_with_options (v1::LogoutRequest) -> v1::LogoutResponse, auth;
        sessions / list_sessions_with_options (v1::ListSessionsRequest) -> v1::ListSessionsResponse, auth;
    }

    /// One job.
    pub(crate) async fn job(&self, id: String) -> Result<v1::Job, CliError> {
        let answer = self.get(v1::GetJobRequest { job_id: id, ..Default::default() }).await?;
        answer.job.into_option().ok_or(CliError::Broken("a job without a job"))
    }

    /// Opens the stream of a job's events.
    pub(crate) async fn watch(&self, job_id: String, after_seq: u64) -> Result<Events, CliError> {
        let request = v1::WatchJobRequest { job_id, after_seq, ..Default::default() };
        self.call(async |options| self.server.streams.watch_job_with_options(request.clone(), options).await)
            .await
    }

    /// Renews the session where it must be, and repeats what may pass.
    async fn call<T>(
        &self,
        call: impl AsyncFn(CallOptions) -> Result<T, ConnectError>,
    ) -> Result<T, CliError> {
        let (mut failures, mut renewed) = (0, false);
        loop {
            let session = self.session().await?;
            let options = CallOptions::default().with_header("authorization", bearer(&session)?);
            let error = match call(options).await {
                Ok(answer) => return Ok(answer),
                Err(error) => ServerError::of(error, &self.server.origin),
            };
            if error.reason() == Some(Reason::REASON_NO_SESSION) && !renewed {
                renewed = true;
                self.renew(&session).await?;
                continue;
            }
            let Some(wait) = pause(&error, failures) else { return Err(error.into()) };
            failures += 1;
            tokio::time::sleep(wait).await;
        }
    }

    /// `Authorization` for requests that are no calls.
    pub(crate) async fn authorization(&self) -> Result<http::HeaderValue, CliError> {
        bearer(&self.session().await?)
    }

    /// After a request that is no call was refused for its session.
    pub(crate) async fn reauthorize(&self) -> Result<(), CliError> {
        let session = self.sessions.read()?.ok_or_else(|| self.not_signed_in())?;
        self.renew(&session).await.map(|_| ())
    }

    /// The session, renewed where it ends soon.
    async fn session(&self) -> Result<Stored, CliError> {
        let session = self.sessions.read()?.ok_or_else(|| self.not_signed_in())?;
        let now = super::platform::now().0;
        if session.access_expires_at > now.saturating_add(SOON) {
            return Ok(session);
        }
        if self.given.lock().await.as_ref() == Some(&session.access_token) {
            return Ok(session);
        }
        self.renew(&session).await
    }

    /// Exchanges the refresh token. Another command, or another call of this one, may have done so in the meantime.
    async fn renew(&self, old: &Stored) -> Result<Stored, CliError> {
        let mut given = self.given.lock().await;
        let locked = self.sessions.lock()?;
        let kept = locked.read()?.ok_or_else(|| self.not_signed_in())?;
        if kept.access_token != old.access_token {
            return Ok(kept);
        }
        let request = v1::RefreshSessionRequest { refresh_token: kept.refresh_token, ..Default::default() };
        let mut failures = 0;
        loop {
            let error = match self.server.auth.refresh_session(request.clone()).await {
                Ok(answer) => {
                    let session = answer.into_owned().session.into_option();
                    let session = Stored::from(&session.ok_or(CliError::Broken("no session"))?);
                    locked.write(Some(session.clone()))?;
                    *given = Some(session.access_token.clone());
                    return Ok(session);
                }
                Err(error) => ServerError::of(error, &self.server.origin),
            };
            if error.reason().is_some_and(ended) {
                locked.write(None)?;
                return Err(self.not_signed_in());
            }
            // the token is good once: an answer that was lost may have been an exchange, so it is asked for once
            // more, and what the server then says counts
            let Some(wait) = pause(&error, failures) else { return Err(error.into()) };
            failures += 1;
            tokio::time::sleep(wait).await;
        }
    }

    fn not_signed_in(&self) -> CliError {
        CliError::NotSignedIn { server: self.server.origin.to_string(), owner: self.owner }
    }
}

fn ended(reason: Reason) -> bool {
    use Reason as R;
    matches!(
        reason,
        R::REASON_NO_SESSION | R::REASON_NOT_FOUND | R::REASON_BAD_REQUEST | R::REASON_WRONG_ROLE
    )
}

fn bearer(session: &Stored) -> Result<http::HeaderValue, CliError> {
    let value = http::HeaderValue::try_from(format!("Bearer {}", session.access_token));
    let mut value = value.map_err(|_| CliError::Broken("a token that is none"))?;
    value.set_sensitive(true);
    Ok(value)
}
