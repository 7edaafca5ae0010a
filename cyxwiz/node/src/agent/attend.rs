use std::time::Duration;

use cyxwiz_proto::v1;
use cyxwiz_proto::v1::__buffa::oneof::attend_request::Message as Said;
use cyxwiz_proto::v1::__buffa::oneof::attend_response::Message as Heard;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use super::service::Agent;
use crate::server::Fault;

/// How often to beat where the server says nothing sensible.
const BEAT_EVERY: Duration = cyxwiz_model::BEAT_EVERY.duration();
/// Silence of the server, in beats, after which the stream counts as dead.
const SILENT_BEATS: u32 = 3;
/// Time for a message to leave.
const SEND_TIME: Duration = Duration::from_secs(10);
/// Messages that wait to be handled.
const WAITING: usize = 64;

/// Ends the reading when the stream is given up.
struct Reader(JoinHandle<()>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Agent {
    /// Attends the server on one stream until it breaks. `welcomed` is called once the server has answered.
    pub(super) async fn attend_once(&self, mut welcomed: impl FnMut()) -> Result<(), Fault> {
        let (mut to, mut from) = self.tools.server.attend().await?.into_split();
        let (heard, mut messages) = mpsc::channel(WAITING);
        let _reader = Reader(tokio::spawn(async move {
            loop {
                let message = match from.message().await {
                    Ok(Some(message)) => Ok(message.to_owned_message()),
                    Ok(None) => Err(from.error().cloned().map_or_else(
                        || Fault::Unreachable("the server closed the stream".to_owned()),
                        Fault::from,
                    )),
                    Err(error) => Err(error.into()),
                };
                let last = message.is_err();
                if heard.send(message).await.is_err() || last {
                    return;
                }
            }
        }));
        let hello = v1::Hello {
            attempt_ids: self.live().iter().map(|handle| handle.job.attempt.to_string()).collect(),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Default::default()
        };
        let mut outgoing = vec![Said::from(hello)];
        let (mut every, mut seq) = (BEAT_EVERY, 0_u64);
        let mut beats = ticks(every);
        let mut last_heard = Instant::now();
        let mut is_welcome = false;
        loop {
            for message in outgoing.drain(..) {
                let request = v1::AttendRequest { message: Some(message), ..Default::default() };
                let sent = tokio::time::timeout(SEND_TIME, to.send(request)).await;
                match sent {
                    Ok(Ok(())) => {}
                    // why the server ended it is on the other half
                    Ok(Err(error)) => match tokio::time::timeout(SEND_TIME, messages.recv()).await {
                        Ok(Some(Err(fault))) => return Err(fault),
                        _ => return Err(error.into()),
                    },
                    Err(_) => return Err(Fault::Unreachable("the stream is stuck".to_owned())),
                }
            }
            let silent_at = last_heard + every * SILENT_BEATS;
            tokio::select! {
                message = messages.recv() => {
                    let message = message.unwrap_or_else(|| Err(Fault::Unreachable("the stream ended".to_owned())))?;
                    last_heard = Instant::now();
                    if let Some(Heard::Welcome(welcome)) = &message.message {
                        let asked = welcome.beat_every.as_option().and_then(|every| u64::try_from(every.seconds).ok());
                        every = asked.filter(|seconds| (1..=30).contains(seconds)).map_or(BEAT_EVERY, Duration::from_secs);
                        beats = ticks(every);
                        is_welcome = true;
                        welcomed();
                    }
                    outgoing.extend(message.message.and_then(|message| self.heard(message)).map(Said::from));
                }
                _ = beats.tick(), if is_welcome => {
                    seq += 1;
                    outgoing.push(Said::from(v1::Beat { seq, attempts: self.usage(), ..Default::default() }));
                }
                () = tokio::time::sleep_until(silent_at) => {
                    return Err(Fault::Unreachable(format!("the server said nothing for {} s", (every * SILENT_BEATS).as_secs())));
                }
            }
        }
    }

    /// Does what the server says; returns the answer to an assignment.
    fn heard(&self, message: Heard) -> Option<v1::Answer> {
        match message {
            Heard::Welcome(welcome) => {
                self.drop_attempts(&welcome.dropped_attempt_ids);
                None
            }
            Heard::Assignment(assignment) => Some(self.take(*assignment)),
            Heard::Stop(stop) => {
                self.stop(&stop);
                None
            }
            Heard::Benchmark(due) => {
                self.benchmark(*due);
                None
            }
            Heard::Pulse(_) => None,
        }
    }
}

fn ticks(every: Duration) -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
