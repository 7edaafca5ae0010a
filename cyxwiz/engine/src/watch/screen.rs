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
    /// Stdout and stderr are terminals.
    out: bool,
    err: bool,
    /// The script wrote a beginning of a line there.
    open_line: bool,
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
        let (progress, cost, usage) = (String::new(), String::new(), String::new());
        Self { json, bottom, out, err, open_line: false, progress, cost, usage }
    }

    pub(super) fn clear(&self) {
        self.bottom.finish_and_clear();
    }

    /// Says something above the line at the bottom, which is not there while a line of the script's is open.
    fn above<T>(&self, say: impl FnOnce() -> T) -> T {
        if self.open_line { say() } else { self.bottom.suspend(say) }
    }

    fn log(&mut self, log: &LogChunk) -> Result<(), CliError> {
        let stream = log.stream.as_known();
        let (out, err) =
            (stream == Some(LogStream::LOG_STREAM_STDOUT), stream == Some(LogStream::LOG_STREAM_STDERR));
        let seen = (out && self.out) || (err && self.err);
        let opens = seen && log.data.last().is_some_and(|last| *last != b'\n');
        if opens && !self.open_line {
            self.bottom.finish_and_clear();
            self.open_line = true;
        }
        self.above(|| -> io::Result<()> {
            if out {
                let mut out = io::stdout().lock();
                out.write_all(&log.data)?;
                return out.flush();
            }
            if err {
                return io::stderr().lock().write_all(&log.data);
            }
            // the node's own words: nothing of them reaches the terminal as more than text
            for line in String::from_utf8_lossy(&log.data).lines() {
                writeln!(io::stderr().lock(), "node: {}", plain(line))?;
            }
            Ok(())
        })?;
        if seen && !opens && self.open_line {
            self.open_line = false;
            self.bottom.reset();
        }
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
        let start = if self.open_line { "\n" } else { "" };
        self.above(|| talk!("{start}{}  {state}{message}{ended}", at.unwrap_or_default()));
    }

    fn bottom(&self) {
        let parts = [&self.progress, &self.cost, &self.usage];
        let parts: Vec<&str> =
            parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        if !self.open_line {
            self.bottom.set_message(parts.join(" · "));
        }
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
        self.above(|| talk!("{words}"));
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
