use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use cyxwiz_proto::state_of;
use cyxwiz_proto::v1::{self, Reason, WatchJobResponse};
use serde_json::json;
use tokio::time::Instant;

use super::ended;
use super::screen::Screen;
use crate::context::Context;
use crate::error::CliError;
use crate::server::{Buyer, ServerError};
use crate::{output, shown};

/// Silence of a server that is told, and tried through, for so long.
const PATIENCE: Duration = Duration::from_secs(600);
/// Between two tries.
const PAUSES: [u64; 6] = [200, 500, 1000, 2000, 3000, 5000];

/// Follows a job to its end, or until Ctrl-C, which leaves it running.
pub(crate) async fn follow(
    buyer: &Buyer,
    job: &str,
    after: u64,
    context: &Context,
) -> Result<ExitCode, CliError> {
    let mut screen = Screen::new(context.json());
    let mut stop = pin!(tokio::signal::ctrl_c());
    let ended = tokio::select! {
        ended = events(buyer, job, after, &mut screen) => ended,
        _ = &mut stop => {
            screen.clear();
            talk!("left; {job} goes on\nwatch it:  cyxwiz watch {job}\nstop it:   cyxwiz cancel {job}");
            return Ok(ExitCode::from(ended::INTERRUPTED));
        }
    };
    screen.clear();
    let ended = ended?;
    let code = ended::exit_code(&ended);
    if context.json() {
        output::json(&json!({ "event": "end", "exit_code": code, "job": shown::job(&ended) }))?;
    } else {
        for line in ended::report(&ended) {
            talk!("{line}");
        }
    }
    Ok(ExitCode::from(code))
}

/// Every event of a job that has ended, once more.
pub(crate) async fn replay(
    buyer: &Buyer,
    job: &str,
    told: &mut impl FnMut(&WatchJobResponse) -> Result<(), CliError>,
) -> Result<(), CliError> {
    struct Told<'a, T>(&'a mut T);
    impl<T: FnMut(&WatchJobResponse) -> Result<(), CliError>> Sink for Told<'_, T> {
        fn event(&mut self, event: &WatchJobResponse) -> Result<(), CliError> {
            (self.0)(event)
        }

        fn talk(&mut self, _: &str) {}
    }
    events(buyer, job, 0, &mut Told(told)).await.map(|_| ())
}

/// Who hears of events.
pub(super) trait Sink {
    fn event(&mut self, event: &WatchJobResponse) -> Result<(), CliError>;
    fn talk(&mut self, words: &str);
}

/// Delivers each numbered event once, in order, over as many connections as it takes; then the job as it ended.
async fn events(buyer: &Buyer, job: &str, mut after: u64, sink: &mut impl Sink) -> Result<v1::Job, CliError> {
    let (mut failures, mut lost_since) = (0_usize, None);
    loop {
        let error = match stream(buyer, job, &mut after, sink, &mut lost_since, &mut failures).await {
            Ok(()) => {
                let job = buyer.job(job.to_owned()).await?;
                if state_of(job.state).is_some_and(cyxwiz_model::JobState::is_terminal) {
                    return Ok(job);
                }
                // a server that stops ends its streams in good order
                ServerError::Refused {
                    reason: Reason::REASON_DRAINING,
                    message: String::new(),
                    mend: String::new(),
                    retry_after: None,
                }
            }
            Err(CliError::Server(error)) => error,
            Err(error) => return Err(error),
        };
        let passes = matches!(error, ServerError::Unreachable { .. })
            || matches!(error.reason(), Some(Reason::REASON_DRAINING | Reason::REASON_RATE_LIMITED))
            || matches!(error.reason(), Some(Reason::REASON_NO_SESSION | Reason::REASON_UNSPECIFIED));
        let since = *lost_since.get_or_insert_with(Instant::now);
        if !passes {
            return Err(error.into());
        }
        if since.elapsed() > PATIENCE {
            return Err(CliError::Lost { job: job.to_owned() });
        }
        if failures == 2 {
            sink.talk("the connection is lost; trying again, the job goes on");
        }
        let pause = PAUSES.get(failures).or(PAUSES.last()).copied().unwrap_or(1000);
        failures = failures.saturating_add(1);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

/// One connection, to its end.
async fn stream(
    buyer: &Buyer,
    job: &str,
    after: &mut u64,
    sink: &mut impl Sink,
    lost_since: &mut Option<Instant>,
    failures: &mut usize,
) -> Result<(), CliError> {
    let mut stream = buyer.watch(job.to_owned(), *after).await?;
    loop {
        let explain = |error| ServerError::of(error, &buyer.server.origin);
        let Some(event) = stream.message().await.map_err(explain)? else { return Ok(()) };
        (*lost_since, *failures) = (None, 0);
        let event = event.to_owned_message();
        if event.seq != 0 {
            if event.seq <= *after {
                continue;
            }
            *after = event.seq;
        }
        sink.event(&event)?;
    }
}
