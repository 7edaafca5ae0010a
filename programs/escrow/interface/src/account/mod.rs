//! The accounts that the program owns. Each begins with four letters, a version and the bump of its address.

mod balance;
mod config;
mod escrow;

pub use balance::BalanceAccount;
pub use config::ConfigAccount;
pub use escrow::EscrowAccount;

use crate::wire::{LayoutError, Reader, Writer};

/// The version of all layouts here.
const VERSION: u8 = 1;

fn read_head(reader: &mut Reader<'_>, letters: [u8; 4]) -> Result<u8, LayoutError> {
    if reader.bytes()? != letters {
        return Err(LayoutError::Kind);
    }
    if reader.u8()? != VERSION {
        return Err(LayoutError::Version);
    }
    reader.u8()
}

fn write_head(writer: &mut Writer<'_>, letters: [u8; 4], bump: u8) {
    writer.bytes(&letters);
    writer.u8(VERSION);
    writer.u8(bump);
}
