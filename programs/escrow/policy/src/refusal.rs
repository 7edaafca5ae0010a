/// Why the rules refuse. Each has its own number on the chain (crate `cyxwiz-escrow-interface`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The signer is not the admin.
    NotAdmin,
    /// The signer is not the admin whom the admin proposed.
    NotPendingAdmin,
    /// The signer does not own this balance.
    NotOwner,
    /// The signer is not this escrow's buyer.
    NotBuyer,
    /// The signer is not the settle key that this escrow was opened with.
    NotSettleKey,
    /// The signer is neither this escrow's buyer nor its settle key.
    NotBuyerNorSettleKey,
    /// A zero address stands where a person is needed.
    NobodyNamed,
    /// The balance is not that of this escrow's buyer.
    WrongBalanceOwner,
    /// The balance holds another mint than this escrow.
    WrongBalanceMint,
    /// New deposits and opens are paused.
    Paused,
    /// The mint is not on the list.
    MintNotAllowed,
    /// The list of mints is full.
    MintListFull,
    /// The fee is above the limit.
    FeeTooHigh,
    /// The configuration is another than the buyer saw.
    ConfigChanged,
    /// The escrow's settle key was revoked: its buyer may cancel.
    SettleKeyRevoked,
    /// Nothing was asked for.
    AmountZero,
    /// The sum does not fit.
    Overflow,
    /// The balance has less free.
    InsufficientFree,
    /// The balance has less locked: its books are broken.
    InsufficientLocked,
    /// The balance still holds money or stands behind an escrow.
    BalanceInUse,
    /// The limit is below the deposit.
    LimitBelowDeposit,
    /// The deadline is too near.
    DeadlineTooSoon,
    /// The deadline is too far away.
    DeadlineTooLate,
    /// The deadline has passed.
    Expired,
    /// The deadline has not passed.
    NotExpired,
    /// The epoch is not above the last one.
    EpochNotHigher,
    /// The epoch is not that of the present assignment.
    StaleEpoch,
    /// Nobody is assigned.
    NotAssigned,
    /// Somebody is assigned.
    AlreadyAssigned,
    /// The charge is above the deposit.
    ChargeAboveDeposit,
    /// The settle key may top up no further.
    TopUpAboveLimit,
    /// The shares do not add up to the deposit.
    SplitBroken,
}
