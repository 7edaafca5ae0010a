//! The calls of the scripted server.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use buffa_types::google::protobuf::Timestamp;
use connectrpc::{
    ConnectError, Encodable, ErrorCode, ErrorDetail, InboundStream, RequestContext, Response, ServiceRequest,
    ServiceResult, ServiceStream,
};
use cyxwiz_proto::v1;
use cyxwiz_proto::v1::__buffa::oneof::attend_request::Message as Heard;
use cyxwiz_proto::v1::__buffa::oneof::attend_response::Message as Says;
use futures::StreamExt as _;
use tokio::sync::mpsc;
use vyr_model::{PublicKey, Signature};

use crate::market::Market;

pub(crate) struct Auth(pub(crate) Market);
pub(crate) struct Nodes(pub(crate) Market);

fn refuse(code: ErrorCode, reason: v1::Reason) -> ConnectError {
    let info = v1::ErrorInfo { reason: reason.into(), ..Default::default() };
    ConnectError::new(code, "refused").with_detail(ErrorDetail::from_message("cyxwiz.v1.ErrorInfo", &info))
}

fn session() -> v1::Session {
    let ends = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(900);
    let access_expires_at = Timestamp { seconds: ends.as_secs() as i64, ..Default::default() };
    v1::Session {
        id: "ses_1".to_owned(),
        access_token: "access".to_owned(),
        access_expires_at: access_expires_at.into(),
        refresh_token: "refresh".to_owned(),
        ..Default::default()
    }
}

impl Market {
    fn up(&self) -> Result<(), ConnectError> {
        if self.is_down() { Err(ConnectError::unavailable("down")) } else { Ok(()) }
    }

    fn allow(&self, ctx: &RequestContext) -> Result<(), ConnectError> {
        self.up()?;
        let token = ctx.header("authorization").and_then(|value| value.to_str().ok());
        if token == Some("Bearer access") {
            Ok(())
        } else {
            Err(refuse(ErrorCode::Unauthenticated, v1::Reason::NoSession))
        }
    }
}

impl v1::AuthService for Auth {
    async fn create_challenge<'a>(
        &'a self,
        _: RequestContext,
        request: ServiceRequest<'_, v1::CreateChallengeRequest>,
    ) -> ServiceResult<impl Encodable<v1::CreateChallengeResponse> + Send + use<'a>> {
        self.0.up()?;
        let (domain, address) = (self.0.0.address, request.address.to_owned());
        let message = format!(
            "{domain} wants you to sign in with your Solana account:\n{address}\n\nSign in.\n\nURI: http://{domain}\nVersion: 1\n\
             Chain ID: localnet\nNonce: abcdefgh\nIssued At: x\nExpiration Time: y\nResources:\n- urn:cyxwiz:role:node"
        );
        Response::ok(v1::CreateChallengeResponse { message, ..Default::default() })
    }

    async fn verify_challenge<'a>(
        &'a self,
        _: RequestContext,
        request: ServiceRequest<'_, v1::VerifyChallengeRequest>,
    ) -> ServiceResult<impl Encodable<v1::VerifyChallengeResponse> + Send + use<'a>> {
        let address = request.message.lines().nth(1).unwrap();
        let key: [u8; 32] = bs58::decode(address).into_vec().unwrap().try_into().unwrap();
        let signature = Signature::from_slice(request.signature).unwrap();
        let held = PublicKey::from_bytes(&key).unwrap().verifies(request.message.as_bytes(), &signature);
        if !held {
            return Err(refuse(ErrorCode::Unauthenticated, v1::Reason::BadSignature));
        }
        self.0.change(|told| told.signed_in += 1);
        Response::ok(v1::VerifyChallengeResponse { session: session().into(), ..Default::default() })
    }

    async fn refresh_session<'a>(
        &'a self,
        _: RequestContext,
        _: ServiceRequest<'_, v1::RefreshSessionRequest>,
    ) -> ServiceResult<impl Encodable<v1::RefreshSessionResponse> + Send + use<'a>> {
        self.0.change(|told| told.refreshed += 1);
        Response::ok(v1::RefreshSessionResponse { session: session().into(), ..Default::default() })
    }

    async fn logout<'a>(
        &'a self,
        _: RequestContext,
        _: ServiceRequest<'_, v1::LogoutRequest>,
    ) -> ServiceResult<impl Encodable<v1::LogoutResponse> + Send + use<'a>> {
        Response::ok(v1::LogoutResponse::default())
    }

    async fn list_sessions<'a>(
        &'a self,
        _: RequestContext,
        _: ServiceRequest<'_, v1::ListSessionsRequest>,
    ) -> ServiceResult<impl Encodable<v1::ListSessionsResponse> + Send + use<'a>> {
        Response::ok(v1::ListSessionsResponse::default())
    }
}

impl v1::NodeService for Nodes {
    async fn enrol_node<'a>(
        &'a self,
        ctx: RequestContext,
        request: ServiceRequest<'_, v1::EnrolNodeRequest>,
    ) -> ServiceResult<impl Encodable<v1::EnrolNodeResponse> + Send + use<'a>> {
        self.0.allow(&ctx)?;
        let request = request.to_owned_message();
        let due = self.0.change(|told| {
            told.enrolled.push(request.clone());
            told.benchmarks.is_empty()
        });
        let benchmark =
            v1::Benchmark { id: "b1".to_owned(), seed: b"seed".to_vec(), rounds: 1000, ..Default::default() };
        let node = v1::Node { id: "nod_1".to_owned(), enrolled: request.into(), ..Default::default() };
        Response::ok(v1::EnrolNodeResponse {
            node: node.into(),
            benchmark: due.then_some(benchmark).into(),
            ..Default::default()
        })
    }

    async fn report_benchmark<'a>(
        &'a self,
        ctx: RequestContext,
        request: ServiceRequest<'_, v1::ReportBenchmarkRequest>,
    ) -> ServiceResult<impl Encodable<v1::ReportBenchmarkResponse> + Send + use<'a>> {
        self.0.allow(&ctx)?;
        let request = request.to_owned_message();
        let expected = cyxwiz_model::benchmark(b"seed", 1000, request.threads);
        let confirmed = request.output == expected;
        self.0.change(|told| told.benchmarks.push(request));
        Response::ok(v1::ReportBenchmarkResponse {
            confirmed,
            message: "wrong".to_owned(),
            ..Default::default()
        })
    }

    async fn attend(
        &self,
        ctx: RequestContext,
        mut requests: InboundStream<v1::AttendRequest>,
    ) -> ServiceResult<ServiceStream<impl Encodable<v1::AttendResponse> + Send + use<>>> {
        self.0.allow(&ctx)?;
        let (to, from) = mpsc::unbounded_channel();
        let market = self.0.clone();
        tokio::spawn(async move {
            while let Some(Ok(message)) = requests.next().await {
                if market.is_down() {
                    return;
                }
                let to = to.clone();
                market.change(|told| match message.to_owned_message().message {
                    Some(Heard::Hello(hello)) => {
                        let welcome = v1::Welcome {
                            beat_every: buffa_types::google::protobuf::Duration {
                                seconds: 1,
                                ..Default::default()
                            }
                            .into(),
                            dropped_attempt_ids: told.dropped.clone(),
                            ..Default::default()
                        };
                        let _ = to.send(Ok(v1::AttendResponse {
                            message: Some(Says::from(welcome)),
                            ..Default::default()
                        }));
                        told.hellos.push(*hello);
                        told.node = Some(to);
                    }
                    Some(Heard::Beat(beat)) => {
                        let pulse = v1::Pulse { seq: beat.seq, ..Default::default() };
                        let _ = to.send(Ok(v1::AttendResponse {
                            message: Some(Says::from(pulse)),
                            ..Default::default()
                        }));
                        told.beats.push(*beat);
                    }
                    Some(Heard::Answer(answer)) => told.answers.push(*answer),
                    None => {}
                });
            }
        });
        let stream =
            futures::stream::unfold(from, |mut from| async move { Some((from.recv().await?, from)) });
        Response::ok(Box::pin(stream) as ServiceStream<v1::AttendResponse>)
    }

    async fn push_logs<'a>(
        &'a self,
        ctx: RequestContext,
        request: ServiceRequest<'_, v1::PushLogsRequest>,
    ) -> ServiceResult<impl Encodable<v1::PushLogsResponse> + Send + use<'a>> {
        self.0.allow(&ctx)?;
        let request = request.to_owned_message();
        self.0.change(|told| {
            if told.fenced.contains(&request.attempt_id) {
                return Err(refuse(ErrorCode::FailedPrecondition, v1::Reason::StaleEpoch));
            }
            let log = told.logs.entry(request.attempt_id).or_default();
            for (seq, entry) in (request.first_seq..).zip(request.entries) {
                log.entry(seq).or_insert(entry);
            }
            let stored_seq = log.keys().next_back().copied().unwrap_or(0);
            Response::ok(v1::PushLogsResponse { stored_seq, ..Default::default() })
        })
    }

    async fn report_attempt<'a>(
        &'a self,
        ctx: RequestContext,
        request: ServiceRequest<'_, v1::ReportAttemptRequest>,
    ) -> ServiceResult<impl Encodable<v1::ReportAttemptResponse> + Send + use<'a>> {
        self.0.allow(&ctx)?;
        let request = request.to_owned_message();
        self.0.change(|told| {
            if told.fenced.contains(&request.attempt_id) {
                return Err(refuse(ErrorCode::FailedPrecondition, v1::Reason::StaleEpoch));
            }
            told.reports.push(request);
            Response::ok(v1::ReportAttemptResponse::default())
        })
    }

    async fn get_node<'a>(
        &'a self,
        ctx: RequestContext,
        _: ServiceRequest<'_, v1::GetNodeRequest>,
    ) -> ServiceResult<impl Encodable<v1::GetNodeResponse> + Send + use<'a>> {
        self.0.allow(&ctx)?;
        let node = v1::Node { id: "nod_1".to_owned(), available: true, ..Default::default() };
        Response::ok(v1::GetNodeResponse { node: node.into(), ..Default::default() })
    }

    async fn list_earnings<'a>(
        &'a self,
        ctx: RequestContext,
        request: ServiceRequest<'_, v1::ListEarningsRequest>,
    ) -> ServiceResult<impl Encodable<v1::ListEarningsResponse> + Send + use<'a>> {
        self.0.allow(&ctx)?;
        let first = request.page_token.is_empty();
        let earning = v1::Earning {
            job_id: if first { "job_a" } else { "job_b" }.to_owned(),
            metered_ms: 61_000,
            coin: "USDC".to_owned(),
            base_units: 1_250_000,
            state: "settled".to_owned(),
            ..Default::default()
        };
        let next_page_token = if first { "2".to_owned() } else { String::new() };
        Response::ok(v1::ListEarningsResponse {
            earnings: vec![earning],
            next_page_token,
            ..Default::default()
        })
    }
}
