//! The way of a line: checked, joined, aggregated, written.

use std::io::{self, Write};

use serde::Serialize;

use crate::event::Rejected;
use crate::lines::Line;
use crate::lookup::{Lookup, Source};
use crate::window::{Cells, Counts, Windows};

/// How events are grouped.
#[derive(Clone, Copy)]
pub struct Options {
    /// The length of a window, in milliseconds of event time. Default: 60 s.
    pub window_ms: i64,
    /// How late an event may come and still count. Default: 10 s.
    pub lateness_ms: i64,
}

impl Default for Options {
    fn default() -> Self {
        Self { window_ms: 60_000, lateness_ms: 10_000 }
    }
}

/// What became of the stream.
#[derive(Default, Serialize)]
pub struct Summary {
    /// Lines read, empty ones left out.
    pub lines: u64,
    /// Events written.
    pub events: u64,
    /// Whether a state was bound as `lookup`.
    pub joined: bool,
    /// Events that the join gave something.
    pub enriched: u64,
    /// Times that the join's cache was full and started over.
    pub cache_resets: u64,
    /// Lines refused, by reason.
    pub rejected: Rejected,
    /// The earliest and the latest event time, in milliseconds since 1970.
    pub time: Option<(i64, i64)>,
    /// What the windows came to.
    #[serde(flatten)]
    pub counts: Counts,
    /// Aggregates over the whole stream.
    pub kinds: Cells,
}

/// The running transformation.
pub struct Transform<S, O, W> {
    lookup: Option<Lookup<S>>,
    windows: Windows,
    output: O,
    windows_output: W,
    summary: Summary,
}

impl<S: Source, O: Write, W: Write> Transform<S, O, W> {
    /// Enriched events go to `output`, closed windows to `windows_output`.
    pub fn new(options: Options, source: Option<S>, output: O, windows_output: W) -> Self {
        let joined = source.is_some();
        Self {
            lookup: source.map(Lookup::new),
            windows: Windows::new(options.window_ms, options.lateness_ms),
            output,
            windows_output,
            summary: Summary { joined, ..Summary::default() },
        }
    }

    /// Handles one line of the input.
    pub fn line(&mut self, line: &Line<'_>) -> io::Result<()> {
        let text = match line {
            Line::Text(text) => text.trim_ascii(),
            Line::TooLong => {
                self.summary.lines += 1;
                self.summary.rejected.too_long += 1;
                return Ok(());
            }
        };
        if text.is_empty() {
            return Ok(());
        }
        let summary = &mut self.summary;
        summary.lines += 1;
        let Some(event) = summary.rejected.check(text) else {
            return Ok(());
        };
        summary.events += 1;
        let (first, last) = summary.time.unwrap_or((event.ts, event.ts));
        summary.time = Some((first.min(event.ts), last.max(event.ts)));
        summary.kinds.add(&event.kind, event.value);
        let to = &mut self.windows_output;
        let window = self.windows.add(event.ts, &event.kind, event.value, to)?;
        let found = match &mut self.lookup {
            Some(lookup) => lookup.json(&event.sensor).map_err(io::Error::other)?,
            None => None,
        };
        // A valid object ends in a brace: the new fields go before it, the rest passes unchanged.
        let open = text.strip_suffix(b"}").unwrap_or(text);
        self.output.write_all(open)?;
        match found {
            Some(json) => {
                summary.enriched += 1;
                writeln!(self.output, r#","window":{window},"enriched":true,"lookup":{json}}}"#)
            }
            None => writeln!(self.output, r#","window":{window},"enriched":false}}"#),
        }
    }

    /// Writes what is left and returns the summary.
    pub fn finish(mut self) -> io::Result<Summary> {
        self.summary.counts = self.windows.finish(&mut self.windows_output)?;
        self.summary.cache_resets = self.lookup.map_or(0, |lookup| lookup.resets());
        self.windows_output.flush()?;
        self.output.flush()?;
        Ok(self.summary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One;

    impl Source for One {
        fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, String> {
            Ok((key == "a").then(|| b"{\"site\":1}".to_vec()))
        }
    }

    fn run(source: Option<One>) -> (String, Summary) {
        let mut out = Vec::new();
        let mut transform = Transform::new(Options::default(), source, &mut out, io::sink());
        for line in [
            r#"{"id":"1","ts":60001,"sensor":"a","kind":"t","value":1}"#,
            "",
            " {\"id\":\"2\",\"ts\":59999,\"sensor\":\"b\",\"kind\":\"t\",\"value\":3.5} \r",
            "nonsense",
        ] {
            transform.line(&Line::Text(line.as_bytes())).unwrap();
        }
        let summary = transform.finish().unwrap();
        (String::from_utf8(out).unwrap(), summary)
    }

    #[test]
    fn events_pass_unchanged_with_fields_added() {
        let (out, summary) = run(Some(One));
        let lines: Vec<_> = out.lines().collect();
        assert_eq!(
            lines,
            [
                r#"{"id":"1","ts":60001,"sensor":"a","kind":"t","value":1,"window":60000,"enriched":true,"lookup":{"site":1}}"#,
                r#"{"id":"2","ts":59999,"sensor":"b","kind":"t","value":3.5,"window":0,"enriched":false}"#,
            ]
        );
        assert_eq!((summary.lines, summary.events, summary.enriched), (3, 2, 1));
        assert_eq!(summary.time, Some((59999, 60001)));
        assert_eq!((summary.counts.windows, summary.rejected.malformed), (2, 1));
    }

    #[test]
    fn without_a_state_nothing_is_enriched() {
        let (out, summary) = run(None);
        assert_eq!(out.matches(r#""enriched":false"#).count(), 2);
        assert!(!summary.joined);
    }
}
