use cyxwiz_escrow_policy::{Epoch, Escrow, MAX_FEE, Stage};
use solana_address::Address;

use super::{read_head, write_head};
use crate::wire::{LayoutError, Reader, Writer};

const LETTERS: [u8; 4] = *b"CXes";

/// Money set aside for one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EscrowAccount {
    /// Of its address.
    pub bump: u8,
    /// Who paid this account's rent and gets it back.
    pub rent_payer: Address,
    /// The terms and the state.
    pub escrow: Escrow<Address>,
}

impl EscrowAccount {
    /// Bytes of data.
    pub const LEN: usize = 248;

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
        let fee = read.fee()?;
        let (buyer, rent_payer, mint) = (read.address()?, read.address()?, read.address()?);
        let (payee, treasury, settle_key) = (read.address()?, read.address()?, read.address()?);
        let job = read.job()?;
        let (deposit, limit, expire_at) = (read.amount()?, read.amount()?, read.time()?);
        let (epoch, config_version) = (read.epoch()?, read.version()?);
        read.end()?;
        let stage = match (payee == Address::default(), epoch) {
            (true, Epoch(0)) => Stage::Open,
            (false, Epoch(1..)) => Stage::Assigned { payee, epoch },
            _ => return Err(LayoutError::Value),
        };
        if fee > MAX_FEE || limit < deposit {
            return Err(LayoutError::Value);
        }
        let escrow = Escrow {
            buyer,
            mint,
            job,
            deposit,
            limit,
            expire_at,
            fee,
            treasury,
            settle_key,
            config_version,
            stage,
        };
        Ok(Self { bump, rent_payer, escrow })
    }

    /// Writes the account's data.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut data = [0; Self::LEN];
        let mut write = Writer::new(&mut data);
        let escrow = &self.escrow;
        write_head(&mut write, LETTERS, self.bump);
        write.u16(escrow.fee.0);
        let payee = match escrow.stage {
            Stage::Open => Address::default(),
            Stage::Assigned { payee, .. } => payee,
        };
        for address in
            [&escrow.buyer, &self.rent_payer, &escrow.mint, &payee, &escrow.treasury, &escrow.settle_key]
        {
            write.address(address);
        }
        write.bytes(&escrow.job.0);
        write.u64(escrow.deposit.0);
        write.u64(escrow.limit.0);
        write.bytes(&escrow.expire_at.0.to_le_bytes());
        write.u32(escrow.epoch().0);
        write.u32(escrow.config_version.0);
        data
    }
}
