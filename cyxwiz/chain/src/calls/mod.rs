//! Every instruction of the escrow program as a [`Draft`](crate::Draft), with what must stand around it: token
//! accounts that are created if need be, and the lamports that a new wallet needs to exist.

mod config;
mod job;
mod money;

use cyxwiz_escrow_interface::build::{Program, Purse};
use cyxwiz_escrow_interface::{Address, NATIVE, TOKEN_PROGRAM};
use solana_instruction::Instruction;
use spl_associated_token_account_interface::address::get_associated_token_address_with_program_id;
use spl_associated_token_account_interface::instruction::create_associated_token_account_idempotent;

pub use job::PayoutGap;

use crate::cluster::Network;
use cyxwiz_model::Coin;

/// One deployed program, and which mint is USDC beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contract {
    /// The program.
    pub program: Program,
    /// The mint of USDC.
    pub usdc: Address,
}

impl Contract {
    /// That of a network.
    #[must_use]
    pub fn of(network: &Network) -> Self {
        Self { program: network.program, usdc: network.usdc }
    }

    /// The mint as the program counts it.
    #[must_use]
    pub fn mint(&self, coin: Coin) -> Address {
        match coin {
            Coin::Sol => NATIVE,
            Coin::Usdc => self.usdc,
        }
    }

    /// Which coin a mint is; nothing for one that this client does not know.
    #[must_use]
    pub fn coin(&self, mint: &Address) -> Option<Coin> {
        Coin::ALL.into_iter().find(|coin| self.mint(*coin) == *mint)
    }

    /// Where an owner keeps a coin outside the program.
    #[must_use]
    pub fn purse(&self, owner: &Address, coin: Coin) -> Purse {
        match coin {
            Coin::Sol => Purse::Sol,
            Coin::Usdc => Purse::Tokens { mint: self.usdc, account: token_account(owner, &self.usdc) },
        }
    }
}

/// The account in which an owner's wallet keeps a token.
pub(crate) fn token_account(owner: &Address, mint: &Address) -> Address {
    get_associated_token_address_with_program_id(owner, mint, &TOKEN_PROGRAM)
}

/// Makes that account unless it is there.
pub(crate) fn ensure_token_account(payer: &Address, owner: &Address, mint: &Address) -> Instruction {
    create_associated_token_account_idempotent(payer, owner, mint, &TOKEN_PROGRAM)
}
