use crate::{BasisPoints, MAX_FEE, Refusal};

/// How many mints the list holds. SOL and USDC are two; the rest is room.
pub const MAX_MINTS: usize = 4;

/// Rises with each change that a buyer would want to know of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigVersion(pub u32);

/// The mints that may be deposited and escrowed; the zero key is native SOL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mints<K> {
    keys: [K; MAX_MINTS],
    count: u8,
}

impl<K: Copy + PartialEq + Default> Mints<K> {
    /// The first `count` of `keys`.
    ///
    /// # Errors
    /// [`Refusal::MintListFull`] where `count` is more than there are.
    pub fn new(keys: [K; MAX_MINTS], count: u8) -> Result<Self, Refusal> {
        if usize::from(count) > MAX_MINTS { Err(Refusal::MintListFull) } else { Ok(Self { keys, count }) }
    }

    /// No mint.
    #[must_use]
    pub fn none() -> Self {
        Self { keys: [K::default(); MAX_MINTS], count: 0 }
    }

    /// The mints that are allowed.
    pub fn iter(&self) -> impl Iterator<Item = K> + '_ {
        self.keys.iter().take(usize::from(self.count)).copied()
    }

    /// How many they are.
    #[must_use]
    pub fn count(&self) -> u8 {
        self.count
    }

    /// Whether this one is.
    pub fn allows(&self, mint: K) -> bool {
        self.iter().any(|have| have == mint)
    }

    fn with(&self, mint: K) -> Result<Self, Refusal> {
        if self.allows(mint) {
            return Ok(*self);
        }
        let mut next = *self;
        let slot = next.keys.get_mut(usize::from(self.count)).ok_or(Refusal::MintListFull)?;
        *slot = mint;
        next.count = self.count.saturating_add(1);
        Ok(next)
    }

    fn without(&self, mint: K) -> Self {
        // What was on a list has room on one without it: nothing ever goes nowhere.
        let (mut next, mut nowhere) = (Self::none(), mint);
        for have in self.iter().filter(|have| *have != mint) {
            *next.keys.get_mut(usize::from(next.count)).unwrap_or(&mut nowhere) = have;
            next.count = next.count.saturating_add(1);
        }
        next
    }
}

/// What the platform sets for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config<K> {
    /// May change the rest; can move no money.
    pub admin: K,
    /// May become admin by accepting; zero: nobody.
    pub pending_admin: K,
    /// Assigns and settles escrows opened from now on.
    pub settle_key: K,
    /// Gets the fee of escrows opened from now on.
    pub treasury: K,
    /// The platform's part of a charge.
    pub fee: BasisPoints,
    /// Changes with settle key, treasury and fee.
    pub version: ConfigVersion,
    /// Escrows opened under an older version have lost their settle key.
    pub revoked_below: ConfigVersion,
    /// No new deposits and opens.
    pub paused: bool,
    /// What may be deposited.
    pub mints: Mints<K>,
}

impl<K: Copy + PartialEq + Default> Config<K> {
    /// The first one.
    ///
    /// # Errors
    /// [`Refusal::NobodyNamed`], [`Refusal::FeeTooHigh`]
    pub fn new(admin: K, settle_key: K, treasury: K, fee: BasisPoints) -> Result<Self, Refusal> {
        Ok(Self {
            admin: somebody(admin)?,
            pending_admin: K::default(),
            settle_key: somebody(settle_key)?,
            treasury: somebody(treasury)?,
            fee: at_most_max(fee)?,
            version: ConfigVersion(1),
            revoked_below: ConfigVersion(0),
            paused: false,
            mints: Mints::none(),
        })
    }

    /// Names the next admin, who must accept; zero takes the proposal back.
    ///
    /// # Errors
    /// [`Refusal::NotAdmin`]
    pub fn propose_admin(&self, signer: K, next: K) -> Result<Self, Refusal> {
        self.by_admin(signer)?;
        Ok(Self { pending_admin: next, ..*self })
    }

    /// Becomes admin.
    ///
    /// # Errors
    /// [`Refusal::NotPendingAdmin`]
    pub fn accept_admin(&self, signer: K) -> Result<Self, Refusal> {
        if self.pending_admin == K::default() || self.pending_admin != signer {
            return Err(Refusal::NotPendingAdmin);
        }
        Ok(Self { admin: signer, pending_admin: K::default(), ..*self })
    }

    /// Sets the settle key of escrows to come. With `revoke`, escrows opened before lose theirs: a stolen key can
    /// take nothing more, and their buyers may cancel.
    ///
    /// # Errors
    /// [`Refusal::NotAdmin`], [`Refusal::NobodyNamed`], [`Refusal::Overflow`]
    pub fn set_settle_key(&self, signer: K, next: K, revoke: bool) -> Result<Self, Refusal> {
        self.by_admin(signer)?;
        let version = self.next_version()?;
        let revoked_below = if revoke { version } else { self.revoked_below };
        Ok(Self { settle_key: somebody(next)?, version, revoked_below, ..*self })
    }

    /// Sets the treasury of escrows to come.
    ///
    /// # Errors
    /// [`Refusal::NotAdmin`], [`Refusal::NobodyNamed`], [`Refusal::Overflow`]
    pub fn set_treasury(&self, signer: K, next: K) -> Result<Self, Refusal> {
        self.by_admin(signer)?;
        Ok(Self { treasury: somebody(next)?, version: self.next_version()?, ..*self })
    }

    /// Sets the fee of escrows to come.
    ///
    /// # Errors
    /// [`Refusal::NotAdmin`], [`Refusal::FeeTooHigh`], [`Refusal::Overflow`]
    pub fn set_fee(&self, signer: K, fee: BasisPoints) -> Result<Self, Refusal> {
        self.by_admin(signer)?;
        Ok(Self { fee: at_most_max(fee)?, version: self.next_version()?, ..*self })
    }

    /// Puts a mint on the list or takes it off. What is deposited already stays withdrawable.
    ///
    /// # Errors
    /// [`Refusal::NotAdmin`], [`Refusal::MintListFull`]
    pub fn set_mint(&self, signer: K, mint: K, allowed: bool) -> Result<Self, Refusal> {
        self.by_admin(signer)?;
        let mints = if allowed { self.mints.with(mint)? } else { self.mints.without(mint) };
        Ok(Self { mints, ..*self })
    }

    /// Stops or resumes deposits and opens; nothing else can be stopped.
    ///
    /// # Errors
    /// [`Refusal::NotAdmin`]
    pub fn set_paused(&self, signer: K, paused: bool) -> Result<Self, Refusal> {
        self.by_admin(signer)?;
        Ok(Self { paused, ..*self })
    }

    /// Whether money of this mint may come in or be escrowed now.
    ///
    /// # Errors
    /// [`Refusal::Paused`], [`Refusal::MintNotAllowed`]
    pub fn admits(&self, mint: K) -> Result<(), Refusal> {
        if self.paused {
            return Err(Refusal::Paused);
        }
        if self.mints.allows(mint) { Ok(()) } else { Err(Refusal::MintNotAllowed) }
    }

    fn by_admin(&self, signer: K) -> Result<(), Refusal> {
        if self.admin == signer { Ok(()) } else { Err(Refusal::NotAdmin) }
    }

    fn next_version(&self) -> Result<ConfigVersion, Refusal> {
        self.version.0.checked_add(1).map(ConfigVersion).ok_or(Refusal::Overflow)
    }
}

pub(crate) fn somebody<K: PartialEq + Default>(key: K) -> Result<K, Refusal> {
    if key == K::default() { Err(Refusal::NobodyNamed) } else { Ok(key) }
}

fn at_most_max(fee: BasisPoints) -> Result<BasisPoints, Refusal> {
    if fee > MAX_FEE { Err(Refusal::FeeTooHigh) } else { Ok(fee) }
}
