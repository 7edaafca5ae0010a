use std::io::{self, IsTerminal as _, Write as _};

use cyxwiz_model::Money;
use cyxwiz_proto::v1::__buffa::oneof::watch_job_response::Event;
use cyxwiz_proto::v1::{Cost, LogChunk, LogStream, Progress, StateChange, Usage, WatchJobResponse};
use cyxwiz_proto::{coin_of, state_of};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::ended::why;
use super::follow::Sink;
use crate::error::CliError;
use crate::server::plain;
use crate::submit::plan::span;
use crate::{output, shown};

/// What a person sees: the script's output on stdout and stderr, talk on stderr, and one line at the bottom of a
/// terminal with progress and cost.
pub(super) struct Screen {
    json: bool,
    bottom: ProgressBar,
    progress: String,
    cost: String,
    usage: String,
}

impl Screen {
    pub(super) fn new(json: bool) -> Self {
        let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let target = if err && !json { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bottom = ProgressBar::with_draw_target(None, target);
        let style = ProgressStyle::with_template("{wide_msg}");
        bottom.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        let _ = out;
        Self { json, bottom, progress: String::new(), cost: String::new(), usage: String::new() }
    }

    pub(super) fn clear(&self) {
        self.bottom.finish_and_clear();
    }

    fn log(&self, log: &LogChunk) -> Result<(), CliError> {
        self.bottom.suspend(|| -> io::Result<()> {
            match log.stream.as_known() {
                Some(LogStream::LOG_STREAM_STDOUT) => {
                    let mut out = io::stdout().lock();
                    out.write_all(&log.data)?;
                    out.flush()
                }
                Some(LogStream::LOG_STREAM_STDERR) => io::stderr().lock().write_all(&log.data),
                // the node's own words: nothing of them reaches the terminal as more than text
                _ => {
                    for line in String::from_utf8_lossy(&log.data).lines() {
                        writeln!(io::stderr().lock(), "node: {}", plain(line))?;
                    }
                    Ok(())
                }
            }
        })?;
        Ok(())
    }

    fn state(&self, event: &WatchJobResponse, change: &StateChange) {
        let state =
            state_of(change.state).map_or("in a state that this version does not know", |state| state.word());
        let message = plain(&change.message);
        let message = if message.is_empty() { message } else { format!("  {message}") };
        let ended =
            change.ending.as_option().map(|ending| format!("  ({})", why(ending))).unwrap_or_default();
        let at = event.at.as_option().and_then(|at| jiff::Timestamp::from_second(at.seconds).ok());
        let at = at.map(|at| at.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S").to_string());
        self.bottom.suspend(|| eprintln!("{}  {state}{message}{ended}", at.unwrap_or_default()));
    }

    fn bottom(&self) {
        let parts = [&self.progress, &self.cost, &self.usage];
        let parts: Vec<&str> =
            parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        self.bottom.set_message(parts.join(" · "));
        self.bottom.tick();
    }
}

impl Sink for Screen {
    fn event(&mut self, event: &WatchJobResponse) -> Result<(), CliError> {
        if self.json {
            return output::json(&shown::event(event));
        }
        match &event.event {
            Some(Event::State(change)) => self.state(event, change),
            Some(Event::Log(log)) => self.log(log)?,
            Some(Event::Progress(progress)) => self.progress = in_words(progress),
            Some(Event::Cost(cost)) => self.cost = spent(cost),
            Some(Event::Usage(usage)) => self.usage = used(usage),
            None => {}
        }
        self.bottom();
        Ok(())
    }

    fn talk(&mut self, words: &str) {
        self.bottom.suspend(|| eprintln!("{words}"));
    }
}

fn in_words(progress: &Progress) -> String {
    let mut parts = Vec::new();
    match (progress.step, progress.total) {
        (Some(step), Some(total)) if total > 0.0 => {
            parts.push(format!("{step}/{total} ({:.0} %)", (step / total * 100.0).clamp(0.0, 100.0)));
        }
        (Some(step), _) => parts.push(format!("step {step}")),
        _ => {}
    }
    let mut values: Vec<_> = progress.values.iter().collect();
    values.sort_by_key(|(name, _)| name.as_str());
    parts.extend(values.into_iter().take(4).map(|(name, value)| format!("{} {value:.4}", plain(name))));
    parts.join(", ")
}

fn spent(cost: &Cost) -> String {
    let Some(coin) = coin_of(cost.coin) else { return String::new() };
    let money = |base_units| Money::new(coin, base_units);
    format!("{}: {} of {}", span(cost.metered_ms), money(cost.charged), money(cost.deposit))
}

fn used(usage: &Usage) -> String {
    let gpu = usage.gpu_percent.map(|percent| format!(", GPU {percent} %")).unwrap_or_default();
    format!("{}{gpu}", output::size(usage.memory_bytes))
}
