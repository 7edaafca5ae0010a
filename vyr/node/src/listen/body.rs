use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    BoxError,
    body::{Body, Bytes},
};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// How long a sender may pause.
const PAUSE: Duration = Duration::from_secs(30);

/// A request's body that fails when its sender pauses too long: a call holds its connection, and
/// there are only so many of them.
pub(super) struct ImpatientBody {
    body: Body,
    /// Since when the sender pauses; `None` while it does not.
    pause: Option<Pin<Box<Sleep>>>,
}

impl ImpatientBody {
    pub(super) const fn new(body: Body) -> Self {
        Self { body, pause: None }
    }
}

impl HttpBody for ImpatientBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.pause = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(PAUSE)));
        pause.as_mut().poll(cx).map(|()| Some(Err("the body paused for more than 30 s".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_a_pause_ends_it() {
        let chunks = futures::stream::unfold(0, async |n| {
            sleep(if n < 5 { PAUSE - Duration::from_secs(1) } else { PAUSE * 2 }).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b"x")), n + 1))
        });
        let mut body = ImpatientBody::new(Body::from_stream(chunks));
        for _ in 0..5 {
            assert!(body.frame().await.unwrap().is_ok());
        }
        let paused = Instant::now();
        assert!(body.frame().await.unwrap().is_err());
        assert_eq!(paused.elapsed(), PAUSE);
    }
}
