use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    extract::{Path, State},
    response::Response,
};
use connectrpc::ErrorCode;
use http::HeaderMap;

use super::Content;
use crate::{
    Refusal,
    artifacts::refuse_store,
    listen::refuse,
    output::Spool,
    rpc::{parse, traces::task_not_found},
    streams::StreamPlace,
};

/// Bytes that one read hands on.
const CHUNK: usize = 64 * 1024;

/// `GET /tasks/tsk_…/stdout|stderr`: what the guest writes, from the first byte until it ends.
pub(super) async fn get(
    State(content): State<Content>,
    Path((task, stream)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    match open(&content, &task, &stream).await {
        Ok(body) => Response::new(body),
        Err(refusal) => refuse(refusal, &headers),
    }
}

async fn open(content: &Content, task: &str, stream: &str) -> Result<Body, Refusal> {
    if !matches!(stream, "stdout" | "stderr") {
        let message = format!("a task has no stream `{stream}`");
        return Err(Refusal::new(
            ErrorCode::NotFound,
            "STREAM_NOT_FOUND",
            stream,
            message,
            "ask for stdout or stderr",
        ));
    }
    let id = parse::task_id(task)?;
    let supervisor = &content.supervisor;
    if let Some(task) = supervisor.table.get(id) {
        let spool = if stream == "stdout" { task.stdout.clone() } else { task.stderr.clone() };
        return Ok(follow(spool, content.streams.open()?));
    }
    let status = supervisor.ended(id).await?.ok_or_else(|| task_not_found(id))?;
    let Some(digest) = crate::tasks::output_digest(&status, stream) else { return Ok(Body::empty()) };
    let (file, _) = supervisor.artifacts.store().open_blob(&digest).map_err(refuse_store)?;
    let reader = tokio_util::io::ReaderStream::with_capacity(tokio::fs::File::from_std(file), CHUNK);
    Ok(Body::from_stream(reader))
}

fn follow(spool: Spool, place: StreamPlace) -> Body {
    let grown = spool.watch();
    let state = (spool, grown, 0_u64, Arc::new(place));
    Body::from_stream(futures::stream::try_unfold(state, async |(spool, mut grown, at, place)| {
        loop {
            let progress = *grown.borrow_and_update();
            let bytes = spool.read_at(at, CHUNK)?;
            if !bytes.is_empty() {
                let next = at + bytes.len() as u64;
                return Ok::<_, std::io::Error>(Some((Bytes::from(bytes), (spool, grown, next, place))));
            }
            if progress.ended || grown.changed().await.is_err() {
                return Ok(None);
            }
        }
    }))
}
