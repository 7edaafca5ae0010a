use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use connectrpc::client::{BidiRecvHalf, CallOptions, ClientConfig, Http2Connection, SharedHttp2Connection};
use cyxwiz_proto::v1;
use cyxwiz_proto::v1::__buffa::oneof::attend_request::Message as Said;
use cyxwiz_proto::v1::__buffa::oneof::attend_response::Message as Heard;
use cyxwiz_proto::v1::__buffa::view::AttendResponseView;
use cyxwiz_proto::v1::{AuthServiceClient, NodeServiceClient};
use http::Uri;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};
use vyr_model::SecretKey;

use super::tally::Tally;

/// As the agent has it.
const PING_EVERY: Duration = Duration::from_secs(5);
const PING_TIME: Duration = Duration::from_secs(10);
const CALL_TIME: Duration = Duration::from_secs(60);
/// Messages that wait to leave.
const WAITING: usize = 16;
/// One processor: the benchmark's work is then the least.
const CPU_MILLI: u32 = 1000;

type Receiving = BidiRecvHalf<hyper::body::Incoming, AttendResponseView<'static>>;

/// An enrolled node.
pub(super) struct Member {
    calls: NodeServiceClient<SharedHttp2Connection>,
    token: String,
}

impl Member {
    /// Signs in by a key of its own, and enrols.
    pub(super) async fn enrol(server: &Uri, payee: &str, number: usize, benchmarked: bool) -> Result<Self> {
        let connection = Http2Connection::builder()
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_TIME)
            .lazy_plaintext(server.clone())
            .shared(WAITING);
        let config = ClientConfig::new(server.clone());
        let auth = AuthServiceClient::new(connection.clone(), config.clone());
        let token = sign_in(&auth, &key(number)).await.context("a node cannot sign in")?;
        let member = Self { calls: NodeServiceClient::new(connection, config), token };
        let answer = member.calls.enrol_node_with_options(enrolment(number, payee), member.options()).await;
        let due = answer.context("a node is not enrolled")?.into_owned().benchmark.into_option();
        if let Some(due) = due.filter(|_| benchmarked) {
            let report =
                member.calls.report_benchmark_with_options(answer_of(due).await?, member.options()).await;
            let report = report.context("a benchmark's answer is not taken")?.into_owned();
            anyhow::ensure!(report.confirmed, "a benchmark is not passed: {}", report.message);
        }
        Ok(member)
    }

    fn options(&self) -> CallOptions {
        self.stream_options().with_timeout(CALL_TIME)
    }

    fn stream_options(&self) -> CallOptions {
        CallOptions::default().with_header("authorization", format!("Bearer {}", self.token))
    }

    /// Opens the stream; comes back once welcomed, and beats from then on.
    pub(super) async fn attend(self, tally: Arc<Tally>) -> Result<()> {
        let stream = self.calls.attend_with_options(self.stream_options()).await?;
        let (mut to, mut from) = stream.into_split();
        to.send(request(v1::Hello { agent_version: "bench".to_owned(), ..Default::default() })).await?;
        let first = from.message().await?.context("the stream ended before the welcome")?;
        let Some(Heard::Welcome(welcome)) = first.to_owned_message().message else {
            anyhow::bail!("the first message is no welcome");
        };
        let every = welcome.beat_every.as_option().and_then(|every| u64::try_from(every.seconds).ok());
        let every = Duration::from_secs(every.context("a welcome without a time")?);
        tally.opened();
        let (outgoing, mut leaving) = mpsc::channel(WAITING);
        let (heard, answered) = (tokio::sync::watch::Sender::new(0_u64), tally.clone());
        let seen = heard.subscribe();
        let sent = Arc::new(std::sync::Mutex::new((0, Instant::now())));
        let at = Arc::clone(&sent);
        tokio::spawn(async move {
            let _ = read(
                &mut from,
                &outgoing,
                |seq| {
                    let (newest, since) = *at.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    if seq == newest {
                        answered.pulse(since.elapsed());
                        heard.send_replace(seq);
                    }
                },
                &answered,
            )
            .await;
            answered.broke();
        });
        tokio::spawn(async move {
            // the connection lasts as long as this
            let _calls = self.calls;
            let mut beats = interval(every);
            beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let (mut seq, mut attempts) = (0_u64, Vec::new());
            loop {
                let message = tokio::select! {
                    _ = beats.tick() => {
                        tally.beat(seq > 0 && *seen.borrow() != seq);
                        seq += 1;
                        *sent.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = (seq, Instant::now());
                        request(v1::Beat { seq, attempts: attempts.clone(), ..Default::default() })
                    }
                    message = leaving.recv() => {
                        let Some(answer): Option<v1::Answer> = message else { return };
                        attempts.push(v1::AttemptUsage {
                            attempt_id: answer.attempt_id.clone(),
                            epoch: answer.epoch,
                            ..Default::default()
                        });
                        request(answer)
                    }
                };
                if to.send(message).await.is_err() {
                    return;
                }
            }
        });
        Ok(())
    }
}

/// Hears until the stream ends: pulses are told, work is taken, a benchmark is not what is measured here.
async fn read(
    from: &mut Receiving,
    outgoing: &mpsc::Sender<v1::Answer>,
    pulse: impl Fn(u64),
    tally: &Tally,
) -> Result<()> {
    while let Some(message) = from.message().await? {
        match message.to_owned_message().message {
            Some(Heard::Pulse(beat)) => pulse(beat.seq),
            Some(Heard::Assignment(work)) => {
                tally.work();
                let answer = v1::Answer {
                    attempt_id: work.attempt_id,
                    epoch: work.epoch,
                    accepted: true,
                    ..Default::default()
                };
                outgoing.send(answer).await?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn request(message: impl Into<Said>) -> v1::AttendRequest {
    v1::AttendRequest { message: Some(message.into()), ..Default::default() }
}

fn key(number: usize) -> SecretKey {
    let mut seed = [7_u8; 32];
    for (byte, of) in seed.iter_mut().zip(number.to_le_bytes()) {
        *byte = of;
    }
    SecretKey::from_seed(&seed)
}

async fn sign_in(auth: &AuthServiceClient<SharedHttp2Connection>, key: &SecretKey) -> Result<String> {
    let address = bs58::encode(key.public().as_bytes()).into_string();
    let plain = || CallOptions::default().with_timeout(CALL_TIME);
    let request = v1::CreateChallengeRequest { address, role: v1::Role::Node.into(), ..Default::default() };
    let message = auth.create_challenge_with_options(request, plain()).await?.into_owned().message;
    let signature = key.sign(message.as_bytes()).as_bytes().to_vec();
    let request = v1::VerifyChallengeRequest { message, signature, ..Default::default() };
    let answer = auth.verify_challenge_with_options(request, plain()).await?.into_owned();
    let session = answer.session.into_option().context("a sign-in without a session")?;
    Ok(session.access_token)
}

fn enrolment(number: usize, payee: &str) -> v1::EnrolNodeRequest {
    let hardware = v1::Hardware {
        cpu_model: "a processor of a fleet".to_owned(),
        cpu_milli: CPU_MILLI,
        memory_mib: 8192,
        disk_mib: 50_000,
        container_engine: "docker 20.10".to_owned(),
        ..Default::default()
    };
    let mode = v1::availability::Mode::MODE_ON.into();
    v1::EnrolNodeRequest {
        name: format!("node {number}"),
        payout_wallet: payee.to_owned(),
        min_micro_usd_per_hour: 50_000,
        availability: v1::Availability { mode, ..Default::default() }.into(),
        hardware: hardware.into(),
        agent_version: "bench".to_owned(),
        ..Default::default()
    }
}

/// Computes what a benchmark asks.
async fn answer_of(due: v1::Benchmark) -> Result<v1::ReportBenchmarkRequest> {
    let began = Instant::now();
    let threads = cyxwiz_model::benchmark_threads(CPU_MILLI);
    let (seed, rounds) = (due.seed.clone(), due.rounds);
    let output = tokio::task::spawn_blocking(move || cyxwiz_model::benchmark(&seed, rounds, threads)).await?;
    let took = began.elapsed();
    let took = buffa_types::google::protobuf::Duration {
        seconds: i64::try_from(took.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(took.subsec_nanos()).unwrap_or(0),
        ..Default::default()
    };
    Ok(v1::ReportBenchmarkRequest {
        id: due.id,
        output: output.to_vec(),
        threads,
        took: took.into(),
        ..Default::default()
    })
}
