use crate::config::somebody;
use crate::{
    Amount, Balance, BasisPoints, Config, ConfigVersion, MAX_LIFE, MIN_LIFE, Refusal, Split, UnixTime,
};

/// Which job of its buyer an escrow is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobId(pub [u8; 16]);

/// Which assignment of a job: rises with each, so that a late message of an earlier one is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(pub u32);

/// Where an escrow is in its life; a closed one does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage<K> {
    /// Nobody works on the job.
    Open,
    /// A node works on it.
    Assigned {
        /// Who is paid.
        payee: K,
        /// By which assignment.
        epoch: Epoch,
    },
}

/// Money set aside for one job, with the terms as they were when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Escrow<K> {
    /// Whose money it is.
    pub buyer: K,
    /// Of what.
    pub mint: K,
    /// Which job.
    pub job: JobId,
    /// How much is set aside now.
    pub deposit: Amount,
    /// How much the settle key may set aside in all.
    pub limit: Amount,
    /// From this moment on it is the buyer's again.
    pub expire_at: UnixTime,
    /// The platform's part.
    pub fee: BasisPoints,
    /// Who gets that part.
    pub treasury: K,
    /// Who assigns and settles.
    pub settle_key: K,
    /// Under which configuration it was opened.
    pub config_version: ConfigVersion,
    /// How far it is.
    pub stage: Stage<K>,
}

/// What a buyer asks for when he opens an escrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// For which job.
    pub job: JobId,
    /// How much to set aside.
    pub deposit: Amount,
    /// Up to how much the settle key may top up from his balance.
    pub limit: Amount,
    /// When it is his again.
    pub expire_at: UnixTime,
    /// The configuration that he saw.
    pub config_version: ConfigVersion,
}

/// What a settle key asks for when the job is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// What the job cost.
    pub charged: Amount,
    /// By which assignment.
    pub epoch: Epoch,
}

/// Who gets what, and the books after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settlement<K> {
    /// Gets the node's share.
    pub payee: K,
    /// Gets the platform's share.
    pub treasury: K,
    /// The shares.
    pub split: Split,
    /// The buyer's balance after it.
    pub balance: Balance<K>,
}

/// How an escrow ends without a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// The settle key gives it back.
    Refund,
    /// The buyer takes it back.
    Cancel,
    /// The deadline gives it back.
    Expire,
}

impl<K: Copy + PartialEq + Default> Escrow<K> {
    /// Sets money aside.
    ///
    /// # Errors
    /// What is wrong with the order, or with the time for it.
    pub fn open(
        config: &Config<K>,
        balance: &Balance<K>,
        signer: K,
        order: &Order,
        now: UnixTime,
    ) -> Result<(Balance<K>, Self), Refusal> {
        if balance.owner != signer {
            return Err(Refusal::NotOwner);
        }
        config.admits(balance.mint)?;
        if order.config_version != config.version {
            return Err(Refusal::ConfigChanged);
        }
        if order.limit < order.deposit {
            return Err(Refusal::LimitBelowDeposit);
        }
        if order.expire_at < now.plus(MIN_LIFE) {
            return Err(Refusal::DeadlineTooSoon);
        }
        if order.expire_at > now.plus(MAX_LIFE) {
            return Err(Refusal::DeadlineTooLate);
        }
        let locked = balance.lock(order.deposit)?;
        let escrow = Self {
            buyer: balance.owner,
            mint: balance.mint,
            job: order.job,
            deposit: order.deposit,
            limit: order.limit,
            expire_at: order.expire_at,
            fee: config.fee,
            treasury: config.treasury,
            settle_key: config.settle_key,
            config_version: config.version,
            stage: Stage::Open,
        };
        Ok((locked, escrow))
    }

    /// Names who will be paid; again with a higher epoch when the job moves.
    ///
    /// # Errors
    /// Not by the settle key, after the deadline, or with an epoch that is not higher.
    pub fn assign(
        &self,
        config: &Config<K>,
        signer: K,
        (payee, epoch): (K, Epoch),
        now: UnixTime,
    ) -> Result<Self, Refusal> {
        self.by_settle_key(signer)?;
        self.not_revoked(config)?;
        self.before_deadline(now)?;
        let payee = somebody(payee)?;
        if epoch <= self.epoch() {
            return Err(Refusal::EpochNotHigher);
        }
        Ok(Self { stage: Stage::Assigned { payee, epoch }, ..*self })
    }

    /// Sets more aside: by the buyer without limit, by the settle key up to the buyer's limit.
    ///
    /// # Errors
    /// By anybody else, after the deadline, above the limit or above what is free.
    pub fn top_up(
        &self,
        (config, balance): (&Config<K>, &Balance<K>),
        signer: K,
        amount: Amount,
        now: UnixTime,
    ) -> Result<(Balance<K>, Self), Refusal> {
        self.before_deadline(now)?;
        self.behind(balance)?;
        let deposit = self.deposit.plus(amount)?;
        let limit = if signer == self.buyer {
            self.limit.max(deposit)
        } else if signer == self.settle_key {
            self.not_revoked(config)?;
            if deposit > self.limit {
                return Err(Refusal::TopUpAboveLimit);
            }
            self.limit
        } else {
            return Err(Refusal::NotBuyerNorSettleKey);
        };
        Ok((balance.lock(amount)?, Self { deposit, limit, ..*self }))
    }

    /// Pays the assigned payee and the treasury, gives the rest back, ends the escrow.
    ///
    /// # Errors
    /// Not by the settle key, not for the present assignment, after the deadline, or above the deposit.
    pub fn settle(
        &self,
        (config, balance): (&Config<K>, &Balance<K>),
        signer: K,
        charge: &Charge,
        now: UnixTime,
    ) -> Result<Settlement<K>, Refusal> {
        self.by_settle_key(signer)?;
        self.not_revoked(config)?;
        self.before_deadline(now)?;
        self.behind(balance)?;
        let Stage::Assigned { payee, epoch } = self.stage else {
            return Err(Refusal::NotAssigned);
        };
        if charge.epoch != epoch {
            return Err(Refusal::StaleEpoch);
        }
        let split = Split::of(self.deposit, charge.charged, self.fee)?;
        let balance = balance.release(self.deposit, split.refund)?;
        Ok(Settlement { payee, treasury: self.treasury, split, balance })
    }

    /// Gives everything back, at any time: the settle key's word against itself needs no other condition.
    ///
    /// # Errors
    /// Not by the settle key.
    pub fn refund(&self, balance: &Balance<K>, signer: K) -> Result<Balance<K>, Refusal> {
        self.by_settle_key(signer)?;
        self.given_back(balance)
    }

    /// The buyer takes everything back: while nobody is assigned, or when the settle key was revoked.
    ///
    /// # Errors
    /// Not by the buyer, or while somebody works on the job.
    pub fn cancel(&self, config: &Config<K>, balance: &Balance<K>, signer: K) -> Result<Balance<K>, Refusal> {
        if signer != self.buyer {
            return Err(Refusal::NotBuyer);
        }
        if self.stage != Stage::Open && self.not_revoked(config).is_ok() {
            return Err(Refusal::AlreadyAssigned);
        }
        self.given_back(balance)
    }

    /// Gives everything back after the deadline; anybody may ask for it.
    ///
    /// # Errors
    /// Before the deadline.
    pub fn expire(&self, balance: &Balance<K>, now: UnixTime) -> Result<Balance<K>, Refusal> {
        if now < self.expire_at {
            return Err(Refusal::NotExpired);
        }
        self.given_back(balance)
    }

    /// The present assignment's epoch; zero while there is none.
    pub fn epoch(&self) -> Epoch {
        match self.stage {
            Stage::Open => Epoch(0),
            Stage::Assigned { epoch, .. } => epoch,
        }
    }

    fn given_back(&self, balance: &Balance<K>) -> Result<Balance<K>, Refusal> {
        self.behind(balance)?;
        balance.release(self.deposit, self.deposit)
    }

    fn by_settle_key(&self, signer: K) -> Result<(), Refusal> {
        if signer == self.settle_key { Ok(()) } else { Err(Refusal::NotSettleKey) }
    }

    fn not_revoked(&self, config: &Config<K>) -> Result<(), Refusal> {
        if self.config_version < config.revoked_below { Err(Refusal::SettleKeyRevoked) } else { Ok(()) }
    }

    fn before_deadline(&self, now: UnixTime) -> Result<(), Refusal> {
        if now < self.expire_at { Ok(()) } else { Err(Refusal::Expired) }
    }

    fn behind(&self, balance: &Balance<K>) -> Result<(), Refusal> {
        if balance.owner != self.buyer {
            return Err(Refusal::WrongBalanceOwner);
        }
        if balance.mint != self.mint { Err(Refusal::WrongBalanceMint) } else { Ok(()) }
    }
}
