//! Stands between client and chain, and cuts.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Where a call is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The chain never hears of it.
    Before,
    /// The chain does it, nobody hears of that.
    After,
}

/// A proxy for JSON-RPC that counts calls and cuts one, and everything for a while after it.
pub(crate) struct RpcProxy {
    pub(crate) port: u16,
    state: Arc<State>,
}

struct State {
    calls: AtomicUsize,
    cut: Mutex<Option<(usize, Cut)>>,
    down: AtomicBool,
    outage: Duration,
    methods: Mutex<Vec<String>>,
    /// Somebody wants to know when the cut happens.
    happened: Notify,
}

impl RpcProxy {
    pub(crate) async fn start(to: u16, outage: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            calls: AtomicUsize::new(0),
            cut: Mutex::new(None),
            down: AtomicBool::new(false),
            outage,
            methods: Mutex::new(Vec::new()),
            happened: Notify::new(),
        });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let state = Arc::clone(&shared);
                tokio::spawn(async move { drop(serve(client, to, &state).await) });
            }
        });
        Self { port, state }
    }

    /// Counts anew, and cuts the call with this number.
    pub(crate) fn arm(&self, number: usize, cut: Cut) {
        self.state.calls.store(0, Ordering::SeqCst);
        self.state.methods.lock().unwrap().clear();
        *self.state.cut.lock().unwrap() = Some((number, cut));
    }

    /// Which call was cut, if one was.
    pub(crate) fn cut(&self, number: usize) -> Option<String> {
        self.state.methods.lock().unwrap().get(number).cloned()
    }

    pub(crate) async fn happened(&self) {
        self.state.happened.notified().await;
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

async fn serve(mut client: TcpStream, to: u16, state: &Arc<State>) -> std::io::Result<()> {
    let mut upstream: Option<TcpStream> = None;
    loop {
        let request = message(&mut client).await?;
        if state.down.load(Ordering::SeqCst) {
            return Ok(());
        }
        let number = state.calls.fetch_add(1, Ordering::SeqCst);
        state.methods.lock().unwrap().push(method(&request));
        let cut = state.cut.lock().unwrap().filter(|(at, _)| *at == number).map(|(_, cut)| cut);
        if cut == Some(Cut::Before) {
            go_down(state);
            return Ok(());
        }
        let mut chain = match upstream.take() {
            Some(stream) => stream,
            None => TcpStream::connect(("127.0.0.1", to)).await?,
        };
        chain.write_all(&request).await?;
        let response = message(&mut chain).await?;
        upstream = Some(chain);
        if cut == Some(Cut::After) {
            go_down(state);
            return Ok(());
        }
        client.write_all(&response).await?;
    }
}

/// Nothing gets through for a while.
fn go_down(state: &Arc<State>) {
    state.down.store(true, Ordering::SeqCst);
    state.happened.notify_one();
    let state = Arc::clone(state);
    tokio::spawn(async move {
        tokio::time::sleep(state.outage).await;
        state.down.store(false, Ordering::SeqCst);
    });
}

/// One HTTP message with a content length, whole.
pub(super) async fn message(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let length: usize = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .map_or(0, |length| length.trim().parse().unwrap());
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(bytes)
}

fn method(request: &[u8]) -> String {
    let text = String::from_utf8_lossy(request);
    let rest = text.split("\"method\":\"").nth(1).unwrap_or_default();
    rest.split('"').next().unwrap_or_default().to_owned()
}

/// A proxy for anything, all of whose connections can be cut at once.
pub(crate) struct Wire {
    pub(crate) port: u16,
    cut: Arc<Notify>,
    down: Arc<AtomicBool>,
}

impl Wire {
    pub(crate) async fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (cut, down) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
        let (cutting, is_down) = (Arc::clone(&cut), Arc::clone(&down));
        tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    () = cutting.notified() => connections.abort_all(),
                    accepted = listener.accept() => {
                        let (mut client, _) = accepted.unwrap();
                        if is_down.load(Ordering::SeqCst) {
                            continue;
                        }
                        connections.spawn(async move {
                            let mut chain = TcpStream::connect(("127.0.0.1", to)).await?;
                            copy_bidirectional(&mut client, &mut chain).await
                        });
                    }
                }
            }
        });
        Self { port, cut, down }
    }

    /// Cuts every connection, and refuses new ones.
    pub(crate) fn down(&self) {
        self.down.store(true, Ordering::SeqCst);
        self.cut.notify_one();
    }

    pub(crate) fn up(&self) {
        self.down.store(false, Ordering::SeqCst);
    }
}
