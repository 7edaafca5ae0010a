use std::{
    io::{self, Seek},
    process::Stdio,
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::ChildStdin,
    sync::Notify,
};
use vyr_model::LimitKind;

use crate::{OutputSink, Stdin};

const BUFFER: usize = 64 << 10;

/// Why a container is ended before its program ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Somebody asked for it.
    Cancelled,
    /// A limit was reached.
    Limit(LimitKind),
    /// The node cannot go on.
    Broken(String),
}

/// Takes the first reason to stop.
#[derive(Debug, Default)]
pub(crate) struct Stops {
    first: Mutex<Option<Stop>>,
    notify: Notify,
}

impl Stops {
    pub(crate) fn stop(&self, stop: Stop) {
        self.first.lock().get_or_insert(stop);
        self.notify.notify_one();
    }

    pub(crate) fn first(&self) -> Option<Stop> {
        self.first.lock().clone()
    }

    /// Completes when there is a reason.
    pub(crate) async fn any(&self) {
        while self.first.lock().is_none() {
            self.notify.notified().await;
        }
    }
}

/// Moves what a program writes into its sink, to its end. What is past the limit is dropped.
pub(crate) async fn drain(
    mut from: impl AsyncRead + Unpin,
    sink: &mut dyn OutputSink,
    limit: u64,
    kind: LimitKind,
    stops: &Stops,
) {
    let mut buffer = vec![0; BUFFER];
    let mut left = limit;
    let mut open = true;
    loop {
        let bytes = match from.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(read) => buffer.get(..read).unwrap_or_default(),
        };
        let fits = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        if open && let Err(error) = sink.write(bytes.get(..fits).unwrap_or_default()) {
            stops.stop(Stop::Broken(format!("{error}: {}", error.0)));
            open = false;
        }
        left -= fits as u64;
        if fits < bytes.len() {
            stops.stop(Stop::Limit(kind));
            open = false;
        }
    }
}

/// What a program's stdin is fed with while it runs.
pub(crate) enum Feed {
    Nothing,
    Bytes(Bytes),
    Stream(Box<dyn AsyncRead + Send + Sync + Unpin>),
}

/// Splits stdin into what the process gets at its start and what is fed later.
pub(crate) fn open_stdin(stdin: Stdin) -> io::Result<(Stdio, Feed)> {
    Ok(match stdin {
        Stdin::Empty => (Stdio::null(), Feed::Nothing),
        Stdin::Bytes(bytes) => (Stdio::piped(), Feed::Bytes(bytes)),
        Stdin::File(mut file) => {
            file.rewind()?;
            (Stdio::from(file), Feed::Nothing)
        }
        Stdin::Stream(stream) => (Stdio::piped(), Feed::Stream(stream)),
    })
}

/// Feeds stdin to its end, or until the program closes it.
pub(crate) async fn feed(stdin: Option<ChildStdin>, feed: Feed) {
    let Some(mut stdin) = stdin else { return };
    // A program may end without reading: a broken pipe is no error.
    let _ = match feed {
        Feed::Nothing => Ok(()),
        Feed::Bytes(bytes) => stdin.write_all(&bytes).await,
        Feed::Stream(mut stream) => tokio::io::copy(&mut stream, &mut stdin).await.map(drop),
    };
}
