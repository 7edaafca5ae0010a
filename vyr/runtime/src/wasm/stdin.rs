use std::{
    fs::File,
    io::Read,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, ReadBuf};
use wasmtime_wasi::{
    cli::{IsTerminal, StdinStream},
    p2::{InputStream, Pollable, StreamError, StreamResult},
};

use crate::Stdin;

/// Bytes read at once: what a run holds of its input at any time.
const CHUNK: usize = 64 << 10;

/// The guest's stdin. Clones read on from the same place.
#[derive(Clone)]
pub(crate) struct Input(Arc<Mutex<Source>>);

enum Source {
    Empty,
    Bytes(Bytes),
    File(File),
    Stream(Stream),
}

struct Stream {
    from: Box<dyn AsyncRead + Send + Sync + Unpin>,
    chunk: Box<[u8]>,
    ready: Bytes,
    over: bool,
    failed: Option<std::io::Error>,
}

impl Input {
    pub(crate) fn new(stdin: Stdin) -> Self {
        Self(Arc::new(Mutex::new(match stdin {
            Stdin::Empty => Source::Empty,
            Stdin::Bytes(bytes) => Source::Bytes(bytes),
            Stdin::File(file) => Source::File(file),
            Stdin::Stream(from) => Source::Stream(Stream::new(from)),
        })))
    }
}

impl Source {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let size = size.min(CHUNK);
        match self {
            Self::Empty => Err(StreamError::Closed),
            Self::Bytes(bytes) if bytes.is_empty() => Err(StreamError::Closed),
            Self::Bytes(bytes) => Ok(bytes.split_to(size.min(bytes.len()))),
            Self::File(file) => read_file(file, size),
            Self::Stream(stream) => stream.read(size),
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Stream(stream) => stream.poll_ready(cx),
            _ => Poll::Ready(()),
        }
    }
}

impl Stream {
    fn new(from: Box<dyn AsyncRead + Send + Sync + Unpin>) -> Self {
        Self { from, chunk: vec![0; CHUNK].into(), ready: Bytes::new(), over: false, failed: None }
    }

    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if !self.ready.is_empty() {
            return Ok(self.ready.split_to(size.min(self.ready.len())));
        }
        match self.failed.take() {
            Some(error) => Err(StreamError::LastOperationFailed(error.into())),
            None if self.over => Err(StreamError::Closed),
            None => Ok(Bytes::new()),
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.over || !self.ready.is_empty() {
            return Poll::Ready(());
        }
        let mut buffer = ReadBuf::new(&mut self.chunk);
        match ready!(Pin::new(&mut self.from).poll_read(cx, &mut buffer)) {
            Ok(()) => self.ready = Bytes::copy_from_slice(buffer.filled()),
            Err(error) => self.failed = Some(error),
        }
        self.over = self.ready.is_empty();
        Poll::Ready(())
    }
}

fn read_file(file: &mut File, size: usize) -> StreamResult<Bytes> {
    if size == 0 {
        return Ok(Bytes::new());
    }
    let mut chunk = vec![0; size];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Err(StreamError::Closed),
            Ok(n) => {
                chunk.truncate(n);
                return Ok(chunk.into());
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(StreamError::LastOperationFailed(error.into())),
        }
    }
}

impl InputStream for Input {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.0.lock().read(size)
    }
}

#[async_trait]
impl Pollable for Input {
    async fn ready(&mut self) {
        std::future::poll_fn(|cx| self.0.lock().poll_ready(cx)).await;
    }
}

impl IsTerminal for Input {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for Input {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        // only WASI 0.3 asks for this, which is not linked
        Box::new(tokio::io::empty())
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(self.clone())
    }
}
