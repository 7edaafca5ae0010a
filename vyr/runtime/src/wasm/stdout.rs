use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use vyr_model::LimitKind;
use wasmtime_wasi::{
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamError, StreamResult},
};

use super::error::Stop;
use crate::OutputSink;

/// Bytes that a guest may hand over in one write.
const PERMIT: usize = 1 << 20;

/// The guest's stdout or stderr: hands each write to the sink at once, up to the limit.
#[derive(Clone)]
pub(crate) struct Output(Arc<Mutex<Inner>>);

struct Inner {
    sink: Box<dyn OutputSink>,
    left: u64,
    kind: LimitKind,
}

impl Output {
    pub(crate) fn new(sink: Box<dyn OutputSink>, limit: u64, kind: LimitKind) -> Self {
        Self(Arc::new(Mutex::new(Inner { sink, left: limit, kind })))
    }
}

impl Inner {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let fits = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        let (now, beyond) = bytes.split_at(fits);
        if !now.is_empty() {
            self.sink.write(now).map_err(|error| Stop::Internal(describe(&error)))?;
            self.left = self.left.saturating_sub(u64::try_from(fits).unwrap_or(u64::MAX));
        }
        if beyond.is_empty() { Ok(()) } else { Err(Stop::Limit(self.kind)) }
    }
}

fn describe(error: &crate::SinkError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0.lock().write(&bytes).map_err(|stop| StreamError::Trap(stop.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT)
    }
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // only WASI 0.3 asks for this, which is not linked
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}
