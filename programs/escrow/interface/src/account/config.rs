use cyxwiz_escrow_policy::{Config, MAX_FEE, MAX_MINTS, Mints};
use solana_address::Address;

use super::{read_head, write_head};
use crate::wire::{LayoutError, Reader, Writer};

const LETTERS: [u8; 4] = *b"CXcf";

/// The one configuration of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigAccount {
    /// Of its address.
    pub bump: u8,
    /// What it says.
    pub config: Config<Address>,
}

impl ConfigAccount {
    /// Bytes of data.
    pub const LEN: usize = 280;

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
        let (paused, count) = (read.flag()?, read.u8()?);
        let (admin, pending_admin) = (read.address()?, read.address()?);
        let (settle_key, treasury) = (read.address()?, read.address()?);
        let (version, revoked_below, fee) = (read.version()?, read.version()?, read.fee()?);
        read.zero::<6>()?;
        let mut mints = [Address::default(); MAX_MINTS];
        for mint in &mut mints {
            *mint = read.address()?;
        }
        read.end()?;
        let mints = Mints::new(mints, count).map_err(|_| LayoutError::Value)?;
        if fee > MAX_FEE {
            return Err(LayoutError::Value);
        }
        let config =
            Config { admin, pending_admin, settle_key, treasury, fee, version, revoked_below, paused, mints };
        Ok(Self { bump, config })
    }

    /// Writes the account's data.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut data = [0; Self::LEN];
        let mut write = Writer::new(&mut data);
        write_head(&mut write, LETTERS, self.bump);
        let config = &self.config;
        write.u8(u8::from(config.paused));
        write.u8(config.mints.count());
        for address in [&config.admin, &config.pending_admin, &config.settle_key, &config.treasury] {
            write.address(address);
        }
        write.u32(config.version.0);
        write.u32(config.revoked_below.0);
        write.u16(config.fee.0);
        write.bytes(&[0; 6]);
        for mint in config.mints.iter() {
            write.address(&mint);
        }
        data
    }
}
