//! What can be asked of the program: one byte that says what, then the fields.

use cyxwiz_escrow_policy::{Amount, BasisPoints, Charge, Epoch, Order};
use solana_address::Address;

use crate::wire::{LayoutError, Reader};

/// A request, without its accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instruction {
    /// Creates the configuration; only by the program's upgrade authority.
    Init {
        /// May change the rest.
        admin: Address,
        /// Assigns and settles.
        settle_key: Address,
        /// Gets the fee.
        treasury: Address,
        /// The platform's part of a charge.
        fee: BasisPoints,
    },
    /// Names the next admin; the zero address takes the proposal back.
    ProposeAdmin(Address),
    /// The named one becomes admin.
    AcceptAdmin,
    /// Sets the settle key of escrows to come.
    SetSettleKey {
        /// The next one.
        key: Address,
        /// Takes it away from the escrows that are there.
        revoke: bool,
    },
    /// Sets the treasury of escrows to come.
    SetTreasury(Address),
    /// Sets the fee of escrows to come.
    SetFee(BasisPoints),
    /// Puts a mint on the list or takes it off.
    SetMint {
        /// Which way.
        allowed: bool,
    },
    /// Stops or resumes deposits and opens.
    SetPaused(bool),
    /// Puts money into the owner's balance, which is created if need be.
    Deposit(Amount),
    /// Takes money out of the owner's balance.
    Withdraw(Amount),
    /// Takes everything out, ends the balance and gives its rent back.
    CloseBalance,
    /// Sets money aside for a job.
    Open(Order),
    /// Names who will be paid.
    Assign {
        /// Who.
        payee: Address,
        /// By which assignment.
        epoch: Epoch,
    },
    /// Sets more aside.
    TopUp(Amount),
    /// Pays payee and treasury, gives back the rest, ends the escrow.
    Settle(Charge),
    /// The settle key gives everything back.
    Refund,
    /// The buyer takes everything back.
    Cancel,
    /// The deadline gives everything back.
    Expire,
}

impl Instruction {
    /// Reads an instruction's data.
    ///
    /// # Errors
    /// An unknown first byte, or fields that are short, long or impossible.
    pub fn decode(data: &[u8]) -> Result<Self, LayoutError> {
        let mut read = Reader(data);
        let instruction = match read.u8()? {
            0 => Self::Init {
                admin: read.address()?,
                settle_key: read.address()?,
                treasury: read.address()?,
                fee: read.fee()?,
            },
            1 => Self::ProposeAdmin(read.address()?),
            2 => Self::AcceptAdmin,
            3 => Self::SetSettleKey { key: read.address()?, revoke: read.flag()? },
            4 => Self::SetTreasury(read.address()?),
            5 => Self::SetFee(read.fee()?),
            6 => Self::SetMint { allowed: read.flag()? },
            7 => Self::SetPaused(read.flag()?),
            8 => Self::Deposit(read.amount()?),
            9 => Self::Withdraw(read.amount()?),
            10 => Self::CloseBalance,
            11 => Self::Open(Order {
                job: read.job()?,
                deposit: read.amount()?,
                limit: read.amount()?,
                expire_at: read.time()?,
                config_version: read.version()?,
            }),
            12 => Self::Assign { payee: read.address()?, epoch: read.epoch()? },
            13 => Self::TopUp(read.amount()?),
            14 => Self::Settle(Charge { charged: read.amount()?, epoch: read.epoch()? }),
            15 => Self::Refund,
            16 => Self::Cancel,
            17 => Self::Expire,
            _ => return Err(LayoutError::Kind),
        };
        read.end()?;
        Ok(instruction)
    }
}

#[cfg(feature = "client")]
mod encode {
    use alloc::vec::Vec;

    use super::Instruction;

    impl Instruction {
        /// The first byte.
        #[must_use]
        pub fn tag(&self) -> u8 {
            match self {
                Self::Init { .. } => 0,
                Self::ProposeAdmin(_) => 1,
                Self::AcceptAdmin => 2,
                Self::SetSettleKey { .. } => 3,
                Self::SetTreasury(_) => 4,
                Self::SetFee(_) => 5,
                Self::SetMint { .. } => 6,
                Self::SetPaused(_) => 7,
                Self::Deposit(_) => 8,
                Self::Withdraw(_) => 9,
                Self::CloseBalance => 10,
                Self::Open(_) => 11,
                Self::Assign { .. } => 12,
                Self::TopUp(_) => 13,
                Self::Settle(_) => 14,
                Self::Refund => 15,
                Self::Cancel => 16,
                Self::Expire => 17,
            }
        }

        /// The instruction's data.
        #[must_use]
        pub fn encode(&self) -> Vec<u8> {
            let mut data = Vec::from([self.tag()]);
            match self {
                Self::Init { admin, settle_key, treasury, fee } => {
                    for address in [admin, settle_key, treasury] {
                        data.extend_from_slice(address.as_array());
                    }
                    data.extend_from_slice(&fee.0.to_le_bytes());
                }
                Self::ProposeAdmin(key) | Self::SetTreasury(key) => data.extend_from_slice(key.as_array()),
                Self::SetSettleKey { key, revoke } => {
                    data.extend_from_slice(key.as_array());
                    data.push(u8::from(*revoke));
                }
                Self::SetFee(fee) => data.extend_from_slice(&fee.0.to_le_bytes()),
                Self::SetMint { allowed: flag } | Self::SetPaused(flag) => data.push(u8::from(*flag)),
                Self::Deposit(amount) | Self::Withdraw(amount) | Self::TopUp(amount) => {
                    data.extend_from_slice(&amount.0.to_le_bytes());
                }
                Self::Open(order) => {
                    data.extend_from_slice(&order.job.0);
                    data.extend_from_slice(&order.deposit.0.to_le_bytes());
                    data.extend_from_slice(&order.limit.0.to_le_bytes());
                    data.extend_from_slice(&order.expire_at.0.to_le_bytes());
                    data.extend_from_slice(&order.config_version.0.to_le_bytes());
                }
                Self::Assign { payee, epoch } => {
                    data.extend_from_slice(payee.as_array());
                    data.extend_from_slice(&epoch.0.to_le_bytes());
                }
                Self::Settle(charge) => {
                    data.extend_from_slice(&charge.charged.0.to_le_bytes());
                    data.extend_from_slice(&charge.epoch.0.to_le_bytes());
                }
                Self::AcceptAdmin | Self::CloseBalance | Self::Refund | Self::Cancel | Self::Expire => {}
            }
            data
        }
    }
}
