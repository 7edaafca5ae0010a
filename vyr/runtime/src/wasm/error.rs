use vyr_model::LimitKind;

/// Why the host ended the guest. Travels through wasmtime as the trap's cause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    #[error("cancelled")]
    Cancelled,
    #[error("the limit of {} is reached", .0.as_str())]
    Limit(LimitKind),
    #[error("{0}")]
    Grant(String),
    #[error("{0}")]
    Internal(String),
}
