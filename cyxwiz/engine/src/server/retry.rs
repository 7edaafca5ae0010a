use std::time::Duration;

use cyxwiz_proto::v1::Reason;

use super::ServerError;

/// How often a call is repeated when nobody answers: a restart is over by then.
const LOST: u32 = 3;
/// How often when the server sends us away for a moment.
const AWAY: u32 = 20;
/// Longer than this nobody waits without being told.
const LONGEST: Duration = Duration::from_secs(15);

/// How long to wait before the same call is made again, after so many that failed; nothing where it is not worth it.
/// Every call of a buyer may be repeated: those that make something carry a key.
pub(crate) fn pause(error: &ServerError, failures: u32) -> Option<Duration> {
    let growing = Duration::from_millis(250).saturating_mul(1 << failures.min(4));
    match error {
        ServerError::Unreachable { .. } => (failures < LOST).then_some(growing),
        ServerError::Refused { reason: Reason::REASON_DRAINING, retry_after, .. } => {
            (failures < AWAY).then_some(retry_after.unwrap_or(growing).min(LONGEST))
        }
        ServerError::Refused { reason: Reason::REASON_RATE_LIMITED, retry_after: Some(after), .. } => {
            (failures < AWAY && *after <= LONGEST).then_some(*after)
        }
        ServerError::Refused { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(reason: Reason, retry_after: Option<u64>) -> ServerError {
        let retry_after = retry_after.map(Duration::from_secs);
        ServerError::Refused { reason, message: String::new(), mend: String::new(), retry_after }
    }

    #[test]
    fn only_what_passes_is_repeated() {
        assert_eq!(pause(&refused(Reason::REASON_NOT_FOUND, None), 0), None);
        assert_eq!(pause(&refused(Reason::REASON_QUOTA, Some(1)), 0), None);
        assert_eq!(pause(&refused(Reason::REASON_RATE_LIMITED, Some(2)), 0), Some(Duration::from_secs(2)));
        assert_eq!(pause(&refused(Reason::REASON_RATE_LIMITED, Some(3600)), 0), None);
        assert_eq!(pause(&refused(Reason::REASON_DRAINING, None), 1), Some(Duration::from_millis(500)));
        assert_eq!(pause(&refused(Reason::REASON_DRAINING, None), AWAY), None);
    }
}
