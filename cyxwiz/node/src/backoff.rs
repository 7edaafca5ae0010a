//! How long to wait before the next try.

use std::time::Duration;

/// The first wait at most.
const FIRST: Duration = Duration::from_millis(250);
/// The longest wait: half of what makes a node lost.
const LONGEST: Duration = Duration::from_secs(10);

/// Doubles up to a limit, with full jitter, so that many nodes don't come back at once.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// The next wait; at least `hint` where the server gave one.
    pub(crate) fn next(&mut self, hint: Option<Duration>) -> Duration {
        let most = FIRST.saturating_mul(1 << self.tries.min(16)).min(LONGEST);
        self.tries = self.tries.saturating_add(1);
        let jittered = most.mul_f64(fraction());
        hint.map_or(jittered, |hint| hint.min(LONGEST * 6) + jittered.min(FIRST))
    }

    /// It worked.
    pub(crate) fn reset(&mut self) {
        self.tries = 0;
    }

    /// Waits.
    pub(crate) async fn wait(&mut self, hint: Option<Duration>) {
        tokio::time::sleep(self.next(hint)).await;
    }
}

/// Something from 0 to 1.
fn fraction() -> f64 {
    let mut bytes = [0_u8; 2];
    // without random numbers all wait the whole time, which is well too
    if getrandom::fill(&mut bytes).is_err() { 1.0 } else { f64::from(u16::from_le_bytes(bytes)) / 65_535.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit_and_heed_the_server() {
        let mut backoff = Backoff::default();
        for tries in 0..40 {
            let most = FIRST * (1 << tries.min(16));
            assert!(backoff.next(None) <= most.min(LONGEST));
        }
        let hinted = backoff.next(Some(Duration::from_secs(20)));
        assert!(hinted >= Duration::from_secs(20) && hinted <= Duration::from_secs(21));
        assert!(backoff.next(Some(Duration::from_secs(86_400))) <= LONGEST * 6 + FIRST);
        backoff.reset();
        assert!(backoff.next(None) <= FIRST);
    }
}
