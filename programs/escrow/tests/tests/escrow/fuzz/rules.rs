//! What should come of it, by the policy's own functions.

use std::collections::BTreeMap;

use cyxwiz_escrow_interface::policy::{Amount, Balance, Config, Epoch, Escrow, Order, Refusal, UnixTime};
use cyxwiz_escrow_interface::{Address, EscrowError};

/// The rules' own idea of the world.
pub(super) struct Rules {
    pub(super) now: UnixTime,
    pub(super) config: Config<Address>,
    /// Nothing before the first deposit, and after its end.
    pub(super) balance: Option<Balance<Address>>,
    pub(super) escrows: BTreeMap<u8, Escrow<Address>>,
}

type Ruled<T> = Result<T, Refusal>;

impl Rules {
    /// Of a job's last assignment.
    pub(super) fn epoch(&self, job: u8) -> Epoch {
        self.escrows.get(&job).map_or(Epoch(0), Escrow::epoch)
    }

    pub(super) fn open(&mut self, buyer: Address, order: &Order, job: u8) -> Result<(), EscrowError> {
        let balance = self.balance.ok_or(EscrowError::NotBalance)?;
        let (balance, escrow) = Escrow::open(&self.config, &balance, buyer, order, self.now)?;
        if self.escrows.contains_key(&job) {
            return Err(EscrowError::AlreadyExists);
        }
        self.balance = Some(balance);
        self.escrows.insert(job, escrow);
        Ok(())
    }

    pub(super) fn assign(
        &mut self,
        job: u8,
        change: impl FnOnce(&Escrow<Address>) -> Ruled<Escrow<Address>>,
    ) -> Result<(), EscrowError> {
        let escrow = self.escrows.get(&job).ok_or(EscrowError::NotEscrow)?;
        let after = change(escrow)?;
        self.escrows.insert(job, after);
        Ok(())
    }

    pub(super) fn top_up(&mut self, job: u8, by: Address, amount: Amount) -> Result<(), EscrowError> {
        let (balance, escrow) = self.both(job)?;
        let (balance, escrow) = escrow.top_up((&self.config, &balance), by, amount, self.now)?;
        self.balance = Some(balance);
        self.escrows.insert(job, escrow);
        Ok(())
    }

    pub(super) fn end(
        &mut self,
        job: u8,
        change: impl FnOnce(&Escrow<Address>, &Balance<Address>) -> Ruled<Balance<Address>>,
    ) -> Result<(), EscrowError> {
        let (balance, escrow) = self.both(job)?;
        self.balance = Some(change(&escrow, &balance)?);
        self.escrows.remove(&job);
        Ok(())
    }

    /// The balance is looked at first.
    fn both(&self, job: u8) -> Result<(Balance<Address>, Escrow<Address>), EscrowError> {
        let balance = self.balance.ok_or(EscrowError::NotBalance)?;
        let escrow = self.escrows.get(&job).ok_or(EscrowError::NotEscrow)?;
        Ok((balance, *escrow))
    }
}
