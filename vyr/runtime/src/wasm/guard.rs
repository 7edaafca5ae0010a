use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
};

use tokio::time::sleep_until;
use vyr_model::LimitKind;

use super::{error::Stop, watch::Watch};

/// Polls `guest` until it is done, or has to end: then it is dropped, in whatever host call it waits.
///
/// A guest that computes is not interrupted here but by its epoch callback, which asks the same [`Watch`].
pub(crate) async fn guarded<F: Future>(watch: &Watch, guest: F) -> Result<F::Output, Stop> {
    let mut guest = pin!(guest);
    let mut interrupt: Option<Pin<Box<dyn Future<Output = ()> + Send>>> = None;
    poll_fn(|cx| {
        watch.verdict()?;
        watch.enter();
        let polled = guest.as_mut().poll(cx);
        watch.leave();
        if let Poll::Ready(output) = polled {
            return Poll::Ready(Ok(output));
        }
        // most guests never get here: they are done in their first poll
        let interrupt = interrupt.get_or_insert_with(|| Box::pin(interrupted(watch)));
        if interrupt.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        watch.verdict()?;
        Poll::Ready(Err(Stop::Limit(LimitKind::WallTime)))
    })
    .await
}

/// Completes when a cancel is asked for or the wall time is over.
fn interrupted(watch: &Watch) -> impl Future<Output = ()> + Send + use<> {
    let cancel = watch.cancel().clone();
    let deadline = watch.deadline().into();
    async move {
        tokio::select! {
            () = cancel.requested() => {}
            () = sleep_until(deadline) => {}
        }
    }
}
