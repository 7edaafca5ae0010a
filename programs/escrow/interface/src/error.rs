use cyxwiz_escrow_policy::Refusal;

macro_rules! errors {
    ($($(#[doc = $text:literal])* $name:ident = $code:literal,)*) => {
        /// Why the program refuses: a custom error's number. A number is never used again for something else.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        pub enum EscrowError {
            $($(#[doc = $text])* $name = $code,)*
        }

        impl EscrowError {
            /// All of them, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name as it stands in the source.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// One sentence for a person.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => concat!($($text,)*).trim_ascii(),)* }
            }
        }
    };
}

errors! {
    /// the first byte names no instruction
    UnknownInstruction = 100,
    /// the instruction's data is too short or too long
    DataLength = 101,
    /// a field of the instruction holds a value that it never may
    DataValue = 102,
    /// the instruction wants another number of accounts
    AccountCount = 103,

    /// a signature is missing
    MissingSignature = 200,
    /// an account must be writable
    NotWritable = 201,
    /// an account stands in two places that must differ
    DuplicateAccount = 202,
    /// the account is not the configuration of this program
    NotConfig = 203,
    /// the account is not a balance of this program
    NotBalance = 204,
    /// the account is not an escrow of this program
    NotEscrow = 205,
    /// the account's layout has a version that this program does not know
    UnknownVersion = 206,
    /// the configuration does not stand at its address
    ConfigAddress = 207,
    /// the balance does not stand at the address of its owner and mint
    BalanceAddress = 208,
    /// the escrow does not stand at the address of its buyer and job
    EscrowAddress = 209,
    /// the vault does not stand at the address of its balance
    VaultAddress = 210,
    /// the account is not the system program
    NotSystemProgram = 211,
    /// the account is not the classic token program (Token-2022 is not supported)
    NotTokenProgram = 212,
    /// the account is not this program's data at the upgradeable loader
    NotProgramData = 213,
    /// the signer is not the program's upgrade authority
    NotUpgradeAuthority = 214,
    /// the account exists already
    AlreadyExists = 215,

    /// the mint is not one of the classic token program
    NotMint = 300,
    /// the account is not a token account of the classic token program
    NotTokenAccount = 301,
    /// the token account is frozen by the mint's issuer
    TokenAccountFrozen = 302,
    /// the token account holds another mint
    TokenMint = 303,
    /// the token account belongs to somebody else
    TokenOwner = 304,
    /// the vault holds less than the books say
    VaultShort = 305,
    /// the account is not the assigned payee
    WrongPayee = 306,
    /// the account is not the treasury that the escrow was opened with
    WrongTreasury = 307,
    /// the account is not the one that paid the escrow's rent
    WrongRentPayer = 308,
    /// the payout would leave a wallet below the rent minimum: send it lamports first
    PayoutBelowRent = 309,
    /// the balance is of native SOL, the accounts are for tokens, or the other way round
    WrongKindOfMint = 310,

    /// the signer is not the admin
    NotAdmin = 400,
    /// the signer is not the proposed admin
    NotPendingAdmin = 401,
    /// the signer does not own the balance
    NotOwner = 402,
    /// the signer is not the escrow's buyer
    NotBuyer = 403,
    /// the signer is not the settle key that the escrow was opened with
    NotSettleKey = 404,
    /// the signer is neither the escrow's buyer nor its settle key
    NotBuyerNorSettleKey = 405,
    /// a zero address stands where a person is needed
    NobodyNamed = 406,

    /// new deposits and opens are paused
    Paused = 500,
    /// the mint is not on the list
    MintNotAllowed = 501,
    /// the list of mints is full
    MintListFull = 502,
    /// the fee is above 30 %
    FeeTooHigh = 503,
    /// the configuration changed since the offer was made: ask for a new one
    ConfigChanged = 504,
    /// the escrow's settle key was revoked: the buyer may cancel
    SettleKeyRevoked = 505,
    /// the amount is zero
    AmountZero = 506,
    /// the sum does not fit into 64 bits
    Overflow = 507,
    /// the balance has less free than that
    InsufficientFree = 508,
    /// the balance has less locked than that: its books are broken
    InsufficientLocked = 509,
    /// the balance stands behind an open escrow
    BalanceInUse = 510,
    /// the limit is below the deposit
    LimitBelowDeposit = 511,
    /// the deadline is too near
    DeadlineTooSoon = 512,
    /// the deadline is too far away
    DeadlineTooLate = 513,
    /// the deadline has passed
    Expired = 514,
    /// the deadline has not passed
    NotExpired = 515,
    /// the epoch is not above the last one
    EpochNotHigher = 516,
    /// the epoch is not that of the present assignment
    StaleEpoch = 517,
    /// nobody is assigned
    NotAssigned = 518,
    /// somebody is assigned
    AlreadyAssigned = 519,
    /// the charge is above the deposit
    ChargeAboveDeposit = 520,
    /// the settle key may not top up beyond the buyer's limit
    TopUpAboveLimit = 521,
    /// the shares do not add up to the deposit
    SplitBroken = 522,
    /// the balance belongs to somebody else than the escrow's buyer
    WrongBalanceOwner = 523,
    /// the balance holds another mint than the escrow
    WrongBalanceMint = 524,
}

impl EscrowError {
    /// The error with this number.
    #[must_use]
    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.iter().copied().find(|error| error.code() == code)
    }

    /// Its number on the chain.
    #[must_use]
    pub fn code(self) -> u32 {
        self as u32
    }
}

impl core::fmt::Display for EscrowError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for EscrowError {}

impl From<Refusal> for EscrowError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotAdmin => Self::NotAdmin,
            Refusal::NotPendingAdmin => Self::NotPendingAdmin,
            Refusal::NotOwner => Self::NotOwner,
            Refusal::NotBuyer => Self::NotBuyer,
            Refusal::NotSettleKey => Self::NotSettleKey,
            Refusal::NotBuyerNorSettleKey => Self::NotBuyerNorSettleKey,
            Refusal::NobodyNamed => Self::NobodyNamed,
            Refusal::WrongBalanceOwner => Self::WrongBalanceOwner,
            Refusal::WrongBalanceMint => Self::WrongBalanceMint,
            Refusal::Paused => Self::Paused,
            Refusal::MintNotAllowed => Self::MintNotAllowed,
            Refusal::MintListFull => Self::MintListFull,
            Refusal::FeeTooHigh => Self::FeeTooHigh,
            Refusal::ConfigChanged => Self::ConfigChanged,
            Refusal::SettleKeyRevoked => Self::SettleKeyRevoked,
            Refusal::AmountZero => Self::AmountZero,
            Refusal::Overflow => Self::Overflow,
            Refusal::InsufficientFree => Self::InsufficientFree,
            Refusal::InsufficientLocked => Self::InsufficientLocked,
            Refusal::BalanceInUse => Self::BalanceInUse,
            Refusal::LimitBelowDeposit => Self::LimitBelowDeposit,
            Refusal::DeadlineTooSoon => Self::DeadlineTooSoon,
            Refusal::DeadlineTooLate => Self::DeadlineTooLate,
            Refusal::Expired => Self::Expired,
            Refusal::NotExpired => Self::NotExpired,
            Refusal::EpochNotHigher => Self::EpochNotHigher,
            Refusal::StaleEpoch => Self::StaleEpoch,
            Refusal::NotAssigned => Self::NotAssigned,
            Refusal::AlreadyAssigned => Self::AlreadyAssigned,
            Refusal::ChargeAboveDeposit => Self::ChargeAboveDeposit,
            Refusal::TopUpAboveLimit => Self::TopUpAboveLimit,
            Refusal::SplitBroken => Self::SplitBroken,
        }
    }
}
