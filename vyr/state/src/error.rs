use vyr_model::StateId;

/// A state call was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// The state does not exist, or no longer.
    #[error("state `{0}` does not exist: it expired, or the node restarted")]
    NotFound(StateId),
    /// The binding is read-only.
    #[error("the binding is read-only")]
    ReadOnly,
    /// The write would pass the state's quota.
    #[error("the state's quota of {quota} bytes would be passed: it would hold {needed}")]
    Quota {
        /// The state's quota in bytes.
        quota: u64,
        /// What it would hold after the write.
        needed: u64,
    },
    /// The node holds as many states, or as many bytes, as it may.
    #[error("the node's limit of {limit} {what} is reached")]
    Full {
        /// `states` or `bytes`.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A field of a new state is out of its range; the text says what fits.
    #[error("{text}")]
    Field {
        /// `name`, `quota_bytes` or `ttl`.
        field: &'static str,
        /// What is wrong, and what fits.
        text: String,
    },
    /// A key, a value or a number is out of its range; the text says which and what fits.
    #[error("{0}")]
    Invalid(String),
}
