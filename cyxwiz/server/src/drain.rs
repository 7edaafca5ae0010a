//! How a server stops: it refuses new calls, ends its streams, finishes what it began.

use std::sync::Arc;

use tokio::sync::watch;

/// Tells everybody of one server that it stops. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Drain {
    sender: Arc<watch::Sender<bool>>,
}

impl Default for Drain {
    fn default() -> Self {
        Self { sender: Arc::new(watch::Sender::new(false)) }
    }
}

impl Drain {
    /// Begins to stop. There is no way back.
    pub fn begin(&self) {
        self.sender.send_replace(true);
    }

    /// Whether it stops.
    #[must_use]
    pub fn begun(&self) -> bool {
        *self.sender.borrow()
    }

    /// Completes once it stops: streams and background tasks select on it.
    pub async fn started(&self) {
        let mut receiver = self.sender.subscribe();
        let _ = receiver.wait_for(|begun| *begun).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_asks_late_hears_it_too() {
        let drain = Drain::default();
        let early = tokio::spawn({
            let drain = drain.clone();
            async move { drain.started().await }
        });
        drain.begin();
        early.await.unwrap();
        drain.started().await;
        assert!(drain.begun());
    }
}
