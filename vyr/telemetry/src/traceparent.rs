use std::{fmt, str::FromStr};

use vyr_model::{SpanId, TraceId};

/// A W3C `traceparent`: the caller's place in a trace.
///
/// Source: <https://www.w3.org/TR/trace-context/>, version 00.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace_id: TraceId,
    /// The caller's span.
    pub span_id: SpanId,
    /// Whether the caller records the trace.
    pub sampled: bool,
}

/// The text is no `traceparent`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is not a traceparent: write `00-`, 32 hex digits, `-`, 16 hex digits, `-`, 2 hex digits, all lowercase, no id all zero"
)]
pub struct TraceParentError(String);

impl FromStr for TraceParent {
    type Err = TraceParentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| TraceParentError(text.chars().take(80).collect()))
    }
}

fn parse(text: &str) -> Option<TraceParent> {
    let (known, rest) = text.split_at_checked(55).unwrap_or((text, ""));
    let mut parts = known.split('-');
    let [version] = hex::<1>(parts.next()?)?;
    let trace_id: [u8; 16] = hex(parts.next()?)?;
    let span_id: [u8; 8] = hex(parts.next()?)?;
    let [flags] = hex::<1>(parts.next()?)?;
    // a later version may append fields, version 00 may not
    let tail = if version == 0 { rest.is_empty() } else { rest.is_empty() || rest.starts_with('-') };
    let whole = parts.next().is_none() && tail && version != 0xff;
    (whole && trace_id != [0; 16] && span_id != [0; 8]).then_some(TraceParent {
        trace_id: TraceId(trace_id),
        span_id: SpanId(span_id),
        sampled: flags & 1 == 1,
    })
}

fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !odd.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace_id, self.span_id, u8::from(self.sampled))
    }
}
