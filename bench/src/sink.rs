//! A receiver of OTLP over HTTP that takes everything and keeps nothing. As a rule it would be another machine's:
//! here its threads stand back (`nice` 19), so that they take little of the time of what is measured.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
};

use anyhow::Result;
use rustix::process::setpriority_process;

/// An empty answer: all was taken.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";

/// The least on the scale of `nice`.
const BACK: i32 = 19;

/// The receiver; its threads end with the process.
pub(crate) struct Sink {
    address: SocketAddr,
    received: Arc<Received>,
}

#[derive(Default)]
struct Received {
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Sink {
    pub(crate) fn open() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (address, received) = (listener.local_addr()?, Arc::<Received>::default());
        let counts = Arc::clone(&received);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counts = Arc::clone(&counts);
                thread::spawn(move || take(stream, &counts));
            }
        });
        Ok(Self { address, received })
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the requests and bytes that came.
    pub(crate) fn received(&self) -> (u64, u64) {
        (self.received.requests.load(Relaxed), self.received.bytes.load(Relaxed))
    }
}

/// Reads requests until the sender closes.
fn take(stream: TcpStream, counts: &Received) -> Option<()> {
    // of this thread alone, on Linux
    let _ = setpriority_process(None, BACK);
    let mut answers = stream.try_clone().ok()?;
    let mut stream = BufReader::with_capacity(64 << 10, stream);
    let mut line = String::new();
    loop {
        let mut length = 0_u64;
        loop {
            line.clear();
            if stream.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let header = line.trim_end();
            if header.is_empty() {
                break;
            }
            if let Some((name, value)) = header.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok()?;
            }
        }
        std::io::copy(&mut stream.by_ref().take(length), &mut std::io::sink()).ok()?;
        counts.requests.fetch_add(1, Relaxed);
        counts.bytes.fetch_add(length, Relaxed);
        answers.write_all(ANSWER).ok()?;
    }
}
