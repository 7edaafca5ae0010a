//! Tumbling windows by event time: count, minimum, maximum and mean for each kind of measurement.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

/// The most windows that are open at once; a further one closes the oldest early.
pub const MAX_OPEN: usize = 128;

/// The most kinds in one window; further ones are counted together as `(other)`.
pub const MAX_KINDS: usize = 64;

const OTHER: &str = "(other)";

/// The aggregate of one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    kind: Box<str>,
    count: u64,
    min: f64,
    max: f64,
    mean: f64,
}

/// The aggregates of all kinds, at most [`MAX_KINDS`] and one.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Cells(Vec<Cell>);

impl Cells {
    /// Adds one measurement.
    pub fn add(&mut self, kind: &str, value: f64) {
        let known = self.0.iter().position(|cell| &*cell.kind == kind);
        let kind = match known {
            None if self.0.len() >= MAX_KINDS => OTHER,
            _ => kind,
        };
        match self.0.iter_mut().find(|cell| &*cell.kind == kind) {
            Some(cell) => {
                cell.count += 1;
                cell.min = cell.min.min(value);
                cell.max = cell.max.max(value);
                cell.mean += (value - cell.mean) / cell.count as f64;
            }
            None => self.0.push(Cell { kind: kind.into(), count: 1, min: value, max: value, mean: value }),
        }
    }
}

/// What the windows came to.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Windows written.
    pub windows: u64,
    /// Of these, closed early since too many were open.
    pub closed_early: u64,
    /// Events that came after their window was closed: passed on, but in no aggregate.
    pub late_events: u64,
}

/// The open windows.
pub struct Windows {
    size_ms: i64,
    lateness_ms: i64,
    open: BTreeMap<i64, Cells>,
    /// Every window that starts before this is closed.
    closed_before: i64,
    latest_ms: i64,
    counts: Counts,
}

#[derive(Serialize)]
struct Written<'a> {
    window: i64,
    kinds: &'a Cells,
}

impl Windows {
    /// Windows of `size_ms`; one closes when an event is `lateness_ms` past its end.
    pub fn new(size_ms: i64, lateness_ms: i64) -> Self {
        Self {
            size_ms: size_ms.max(1),
            lateness_ms,
            open: BTreeMap::new(),
            closed_before: i64::MIN,
            latest_ms: i64::MIN,
            counts: Counts::default(),
        }
    }

    /// Adds a measurement, writes what that closes, and returns the start of its window.
    pub fn add(&mut self, ts: i64, kind: &str, value: f64, to: &mut impl Write) -> io::Result<i64> {
        let start = ts.div_euclid(self.size_ms) * self.size_ms;
        if start < self.closed_before {
            self.counts.late_events += 1;
            return Ok(start);
        }
        self.open.entry(start).or_default().add(kind, value);
        if ts > self.latest_ms {
            self.latest_ms = ts;
            self.close_until(ts - self.lateness_ms, to)?;
        }
        if self.open.len() > MAX_OPEN {
            self.counts.closed_early += 1;
            self.close_oldest(to)?;
        }
        Ok(start)
    }

    /// Writes the windows that are still open and returns the counts.
    pub fn finish(mut self, to: &mut impl Write) -> io::Result<Counts> {
        while !self.open.is_empty() {
            self.close_oldest(to)?;
        }
        Ok(self.counts)
    }

    fn close_until(&mut self, watermark: i64, to: &mut impl Write) -> io::Result<()> {
        while let Some((&start, _)) = self.open.first_key_value() {
            if start + self.size_ms > watermark {
                break;
            }
            self.close_oldest(to)?;
        }
        Ok(())
    }

    fn close_oldest(&mut self, to: &mut impl Write) -> io::Result<()> {
        if let Some((window, kinds)) = self.open.pop_first() {
            self.closed_before = window + self.size_ms;
            self.counts.windows += 1;
            let kinds = &kinds;
            serde_json::to_writer(&mut *to, &Written { window, kinds })?;
            to.write_all(b"\n")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(out: &[u8]) -> Vec<&str> {
        std::str::from_utf8(out).unwrap().lines().collect()
    }

    #[test]
    fn a_window_closes_when_the_watermark_passes_its_end() {
        let mut out = Vec::new();
        let mut windows = Windows::new(1000, 500);
        assert_eq!(windows.add(-1, "t", 1.0, &mut out).unwrap(), -1000);
        windows.add(-900, "t", 3.0, &mut out).unwrap();
        windows.add(499, "t", 5.0, &mut out).unwrap();
        assert!(out.is_empty());
        windows.add(500, "t", 5.0, &mut out).unwrap();
        let first = r#"{"window":-1000,"kinds":[{"kind":"t","count":2,"min":1.0,"max":3.0,"mean":2.0}]}"#;
        assert_eq!(lines(&out), [first]);
        windows.add(-5, "t", 9.0, &mut out).unwrap();
        let counts = windows.finish(&mut out).unwrap();
        assert_eq!(lines(&out).len(), 2);
        let wanted = Counts { windows: 2, closed_early: 0, late_events: 1 };
        assert_eq!(counts, wanted);
    }

    #[test]
    fn too_many_windows_close_the_oldest() {
        let mut out = Vec::new();
        let mut windows = Windows::new(10, i64::MAX / 4);
        for n in 0..(MAX_OPEN as i64 + 5) {
            windows.add(n * 10, "t", 0.0, &mut out).unwrap();
        }
        assert_eq!(windows.open.len(), MAX_OPEN);
        assert_eq!(windows.counts.closed_early, 5);
    }

    #[test]
    fn too_many_kinds_share_one_cell() {
        let mut cells = Cells::default();
        for n in 0..MAX_KINDS + 10 {
            cells.add(&n.to_string(), 1.0);
        }
        assert_eq!(cells.0.len(), MAX_KINDS + 1);
        assert_eq!(cells.0.last().map(|cell| cell.count), Some(10));
    }
}
