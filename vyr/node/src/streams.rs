use std::sync::Arc;

use connectrpc::ErrorCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Refusal;

/// Live streams that a node serves at once, over all listeners.
const MAX_STREAMS: usize = 4096;

/// Counts live streams and refuses one too many.
#[derive(Clone)]
pub(crate) struct Streams(Arc<Semaphore>);

/// One stream's place; dropping it frees the place.
pub(crate) type StreamPlace = OwnedSemaphorePermit;

impl Default for Streams {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_STREAMS)))
    }
}

impl Streams {
    pub(crate) fn open(&self) -> Result<StreamPlace, Refusal> {
        Arc::clone(&self.0).try_acquire_owned().map_err(|_| {
            Refusal::new(
                ErrorCode::ResourceExhausted,
                "TOO_MANY_STREAMS",
                "streams",
                format!("the node serves {MAX_STREAMS} live streams already"),
                "close streams that nobody reads; one stream can follow many tasks",
            )
            .retry_after(std::time::Duration::from_secs(1))
        })
    }
}
