use parking_lot::Mutex;
use tokio::sync::Notify;
use vyr_model::LimitKind;
use vyr_runtime::Cancel;

/// Why a container is ended before its program ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop {
    /// Somebody asked for it.
    Cancelled,
    /// A limit was reached.
    Limit(LimitKind),
    /// The node cannot go on.
    Broken(String),
}

impl Stop {
    /// What a cancel asks for.
    pub(super) fn asked(cancel: &Cancel) -> Self {
        cancel.limit_reached().map_or(Self::Cancelled, Self::Limit)
    }

    /// Whether the program may save its work first. One that floods or fills a disk may not.
    pub(super) const fn is_gentle(&self) -> bool {
        matches!(self, Self::Cancelled | Self::Limit(LimitKind::WallTime | LimitKind::CpuTime))
    }
}

/// Takes the first reason to stop, and the first one that allows no grace.
#[derive(Debug, Default)]
pub(super) struct Stops {
    state: Mutex<State>,
    notify: Notify,
}

#[derive(Debug, Default)]
struct State {
    first: Option<Stop>,
    hard: bool,
}

impl Stops {
    pub(super) fn stop(&self, stop: Stop) {
        let mut state = self.state.lock();
        state.hard |= !stop.is_gentle();
        state.first.get_or_insert(stop);
        drop(state);
        self.notify.notify_waiters();
    }

    pub(super) fn first(&self) -> Option<Stop> {
        self.state.lock().first.clone()
    }

    /// Completes when there is a reason.
    pub(super) async fn any(&self) {
        self.when(|state| state.first.is_some()).await;
    }

    /// Completes when there is a reason that allows no grace.
    pub(super) async fn hard(&self) {
        self.when(|state| state.hard).await;
    }

    async fn when(&self, holds: impl Fn(&State) -> bool) {
        loop {
            let notified = self.notify.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if holds(&self.state.lock()) {
                return;
            }
            notified.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_reason_counts_and_a_hard_one_ends_the_grace() {
        let stops = Stops::default();
        stops.stop(Stop::Cancelled);
        stops.any().await;
        assert!(futures::FutureExt::now_or_never(stops.hard()).is_none());
        stops.stop(Stop::Limit(LimitKind::Stdout));
        stops.hard().await;
        assert_eq!(stops.first(), Some(Stop::Cancelled));
    }
}
