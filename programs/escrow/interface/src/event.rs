//! What the program writes into the log (`Program data:`), for history and watchers. A log may be cut by the
//! node that serves it: the accounts are the truth.

use cyxwiz_escrow_policy::{Amount, Closing, ConfigVersion, Epoch, JobId, UnixTime};
use solana_address::Address;

use crate::wire::{LayoutError, Reader, Writer};

const LETTERS: [u8; 4] = *b"CXev";
const VERSION: u8 = 1;

/// The longest event in bytes.
pub const MAX_EVENT: usize = 120;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The configuration changed.
    ConfigChanged {
        /// The one in force now.
        version: ConfigVersion,
        /// The first byte of the instruction that changed it.
        by: u8,
    },
    /// Money came in.
    Deposited {
        /// Whose.
        owner: Address,
        /// Of what.
        mint: Address,
        /// How much.
        amount: Amount,
    },
    /// Money went out.
    Withdrawn {
        /// Whose.
        owner: Address,
        /// Of what.
        mint: Address,
        /// How much of what the books knew.
        amount: Amount,
    },
    /// Money was set aside.
    Opened {
        /// Whose.
        buyer: Address,
        /// For what.
        job: JobId,
        /// Of what.
        mint: Address,
        /// How much.
        deposit: Amount,
        /// Up to how much.
        limit: Amount,
        /// Until when.
        expire_at: UnixTime,
    },
    /// A payee was named.
    Assigned {
        /// Whose money.
        buyer: Address,
        /// For what.
        job: JobId,
        /// Who.
        payee: Address,
        /// By which assignment.
        epoch: Epoch,
    },
    /// More was set aside.
    ToppedUp {
        /// Whose.
        buyer: Address,
        /// For what.
        job: JobId,
        /// How much more.
        amount: Amount,
        /// How much it is now.
        deposit: Amount,
    },
    /// The job was paid.
    Settled {
        /// Whose money.
        buyer: Address,
        /// For what.
        job: JobId,
        /// Who was paid.
        payee: Address,
        /// By which assignment.
        epoch: Epoch,
        /// To the payee.
        node: Amount,
        /// To the treasury.
        platform: Amount,
        /// Back to the buyer's balance.
        refund: Amount,
    },
    /// Everything went back to the buyer's balance.
    GivenBack {
        /// Whose.
        buyer: Address,
        /// For what.
        job: JobId,
        /// How much.
        amount: Amount,
        /// Why.
        closing: Closing,
    },
}

impl Event {
    /// Reads an event.
    ///
    /// # Errors
    /// Bytes that are no event of version 1.
    pub fn decode(data: &[u8]) -> Result<Self, LayoutError> {
        let mut read = Reader(data);
        if read.bytes()? != LETTERS {
            return Err(LayoutError::Kind);
        }
        if read.u8()? != VERSION {
            return Err(LayoutError::Version);
        }
        let event = match read.u8()? {
            0 => Self::ConfigChanged { version: read.version()?, by: read.u8()? },
            1 => Self::Deposited { owner: read.address()?, mint: read.address()?, amount: read.amount()? },
            2 => Self::Withdrawn { owner: read.address()?, mint: read.address()?, amount: read.amount()? },
            3 => Self::Opened {
                buyer: read.address()?,
                job: read.job()?,
                mint: read.address()?,
                deposit: read.amount()?,
                limit: read.amount()?,
                expire_at: read.time()?,
            },
            4 => Self::Assigned {
                buyer: read.address()?,
                job: read.job()?,
                payee: read.address()?,
                epoch: read.epoch()?,
            },
            5 => Self::ToppedUp {
                buyer: read.address()?,
                job: read.job()?,
                amount: read.amount()?,
                deposit: read.amount()?,
            },
            6 => Self::Settled {
                buyer: read.address()?,
                job: read.job()?,
                payee: read.address()?,
                epoch: read.epoch()?,
                node: read.amount()?,
                platform: read.amount()?,
                refund: read.amount()?,
            },
            7 => Self::GivenBack {
                buyer: read.address()?,
                job: read.job()?,
                amount: read.amount()?,
                closing: match read.u8()? {
                    0 => Closing::Refund,
                    1 => Closing::Cancel,
                    2 => Closing::Expire,
                    _ => return Err(LayoutError::Value),
                },
            },
            _ => return Err(LayoutError::Kind),
        };
        read.end()?;
        Ok(event)
    }

    /// Writes the event and returns how many bytes it took.
    #[must_use]
    pub fn encode(&self, buffer: &mut [u8; MAX_EVENT]) -> usize {
        let mut write = Writer::new(buffer);
        write.bytes(&LETTERS);
        write.u8(VERSION);
        self.write_fields(&mut write);
        write.left().map_or(0, |left| MAX_EVENT.saturating_sub(left))
    }

    fn write_fields(&self, write: &mut Writer<'_>) {
        match self {
            Self::ConfigChanged { version, by } => {
                write.u8(0);
                write.u32(version.0);
                write.u8(*by);
            }
            Self::Deposited { owner, mint, amount } => write_move(write, 1, (owner, mint), *amount),
            Self::Withdrawn { owner, mint, amount } => write_move(write, 2, (owner, mint), *amount),
            Self::Opened { buyer, job, mint, deposit, limit, expire_at } => {
                write_job(write, 3, buyer, job);
                write.address(mint);
                write.u64(deposit.0);
                write.u64(limit.0);
                write.bytes(&expire_at.0.to_le_bytes());
            }
            Self::Assigned { buyer, job, payee, epoch } => {
                write_job(write, 4, buyer, job);
                write.address(payee);
                write.u32(epoch.0);
            }
            Self::ToppedUp { buyer, job, amount, deposit } => {
                write_job(write, 5, buyer, job);
                write.u64(amount.0);
                write.u64(deposit.0);
            }
            Self::Settled { buyer, job, payee, epoch, node, platform, refund } => {
                write_job(write, 6, buyer, job);
                write.address(payee);
                write.u32(epoch.0);
                for amount in [node, platform, refund] {
                    write.u64(amount.0);
                }
            }
            Self::GivenBack { buyer, job, amount, closing } => {
                write_job(write, 7, buyer, job);
                write.u64(amount.0);
                write.u8(match closing {
                    Closing::Refund => 0,
                    Closing::Cancel => 1,
                    Closing::Expire => 2,
                });
            }
        }
    }
}

fn write_move(write: &mut Writer<'_>, kind: u8, (owner, mint): (&Address, &Address), amount: Amount) {
    write.u8(kind);
    write.address(owner);
    write.address(mint);
    write.u64(amount.0);
}

fn write_job(write: &mut Writer<'_>, kind: u8, buyer: &Address, job: &JobId) {
    write.u8(kind);
    write.address(buyer);
    write.bytes(&job.0);
}
