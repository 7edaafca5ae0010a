use crate::{Amount, Refusal};

/// What one owner keeps of one mint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance<K> {
    /// Whose it is.
    pub owner: K,
    /// Of what; the zero key is native SOL.
    pub mint: K,
    /// What the owner may withdraw or put into an escrow.
    pub free: Amount,
    /// What stands behind open escrows.
    pub locked: Amount,
}

impl<K: Copy + PartialEq> Balance<K> {
    /// An empty one.
    #[must_use]
    pub fn new(owner: K, mint: K) -> Self {
        Self { owner, mint, free: Amount::ZERO, locked: Amount::ZERO }
    }

    /// Everything that the vault must hold.
    ///
    /// # Errors
    /// [`Refusal::Overflow`]
    pub fn total(&self) -> Result<Amount, Refusal> {
        self.free.plus(self.locked)
    }

    /// After money came in.
    ///
    /// # Errors
    /// [`Refusal::AmountZero`], [`Refusal::Overflow`]
    pub fn deposit(&self, amount: Amount) -> Result<Self, Refusal> {
        let after = Self { free: self.free.plus(amount.some()?)?, ..*self };
        // The sum must fit too, or a later release could not be written down.
        after.total()?;
        Ok(after)
    }

    /// After the owner took money out.
    ///
    /// # Errors
    /// [`Refusal::NotOwner`], [`Refusal::AmountZero`], [`Refusal::InsufficientFree`]
    pub fn withdraw(&self, signer: K, amount: Amount) -> Result<Self, Refusal> {
        self.owned_by(signer)?;
        let free = self.free.minus(amount.some()?, Refusal::InsufficientFree)?;
        Ok(Self { free, ..*self })
    }

    /// Takes everything that is free and ends the balance.
    ///
    /// # Errors
    /// [`Refusal::NotOwner`], [`Refusal::BalanceInUse`]
    pub fn close(&self, signer: K) -> Result<Amount, Refusal> {
        self.owned_by(signer)?;
        if self.locked != Amount::ZERO {
            return Err(Refusal::BalanceInUse);
        }
        Ok(self.free)
    }

    /// From free to locked.
    pub(crate) fn lock(&self, amount: Amount) -> Result<Self, Refusal> {
        let free = self.free.minus(amount.some()?, Refusal::InsufficientFree)?;
        Ok(Self { free, locked: self.locked.plus(amount)?, ..*self })
    }

    /// From locked: `refund` to free, the rest (`deposit − refund`) out of the balance.
    pub(crate) fn release(&self, deposit: Amount, refund: Amount) -> Result<Self, Refusal> {
        let locked = self.locked.minus(deposit, Refusal::InsufficientLocked)?;
        Ok(Self { free: self.free.plus(refund)?, locked, ..*self })
    }

    fn owned_by(&self, signer: K) -> Result<(), Refusal> {
        if self.owner == signer { Ok(()) } else { Err(Refusal::NotOwner) }
    }
}
