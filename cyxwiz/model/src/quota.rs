use crate::Span;

/// Time of failed runs that is refunded to a wallet in a day, unless an admin sets another: one GPU hour.
pub const DEFAULT_REFUNDED_COMPUTE: Span = Span::seconds(3600);

/// A wallet's scripts failed for too long today.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this wallet's failed runs took {} of the {} minutes a day that are refunded: it is free again in {} minutes",
    used.0 / 60_000, cap.0 / 60_000, free_in.0.div_ceil(60_000)
)]
pub struct QuotaUsedUp {
    /// What was refunded in the last 24 hours.
    pub used: Span,
    /// What may be.
    pub cap: Span,
    /// When the oldest of it is 24 hours old.
    pub free_in: Span,
}

/// Tells whether a wallet whose failed runs took `used` in the last 24 hours may submit.
///
/// # Errors
/// [`QuotaUsedUp`]
pub fn refunded_compute(used: Span, cap: Span, free_in: Span) -> Result<(), QuotaUsedUp> {
    if used >= cap { Err(QuotaUsedUp { used, cap, free_in }) } else { Ok(()) }
}
