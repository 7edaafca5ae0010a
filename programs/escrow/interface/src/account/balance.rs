use cyxwiz_escrow_policy::Balance;
use solana_address::Address;

use super::{read_head, write_head};
use crate::wire::{LayoutError, Reader, Writer};

const LETTERS: [u8; 4] = *b"CXbl";

/// One owner's money of one mint. Lamports lie in this account itself, tokens in its vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BalanceAccount {
    /// Of its address.
    pub bump: u8,
    /// Of its vault's address; zero for native SOL.
    pub vault_bump: u8,
    /// The books.
    pub balance: Balance<Address>,
}

impl BalanceAccount {
    /// Bytes of data.
    pub const LEN: usize = 88;

    /// Reads the account's data.
    ///
    /// # Errors
    /// Any deviation from version 1 of the layout.
    pub fn decode(data: &[u8]) -> Result<Self, LayoutError> {
        if data.len() != Self::LEN {
            return Err(LayoutError::Length);
        }
        let mut read = Reader(data);
        let bump = read_head(&mut read, LETTERS)?;
        let vault_bump = read.u8()?;
        read.zero::<1>()?;
        let (owner, mint) = (read.address()?, read.address()?);
        let (free, locked) = (read.amount()?, read.amount()?);
        read.end()?;
        Ok(Self { bump, vault_bump, balance: Balance { owner, mint, free, locked } })
    }

    /// Writes the account's data.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut data = [0; Self::LEN];
        let mut write = Writer::new(&mut data);
        write_head(&mut write, LETTERS, self.bump);
        write.u8(self.vault_bump);
        write.u8(0);
        write.address(&self.balance.owner);
        write.address(&self.balance.mint);
        write.u64(self.balance.free.0);
        write.u64(self.balance.locked.0);
        data
    }
}
