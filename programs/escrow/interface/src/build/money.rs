use alloc::vec;
use alloc::vec::Vec;

use cyxwiz_escrow_policy::Amount;
use solana_address::Address;
use solana_instruction::{AccountMeta, Instruction as Built};

use super::{Program, built, paying, read, signer, written};
use crate::{Instruction, NATIVE, SYSTEM_PROGRAM, TOKEN_PROGRAM};

/// Where an owner's money comes from or goes to outside the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purse {
    /// Native SOL of the owner's wallet.
    Sol,
    /// Tokens of a mint.
    Tokens {
        /// Which.
        mint: Address,
        /// The owner's token account.
        account: Address,
    },
}

impl Purse {
    /// The mint as the program counts it.
    #[must_use]
    pub fn mint(&self) -> Address {
        match self {
            Self::Sol => NATIVE,
            Self::Tokens { mint, .. } => *mint,
        }
    }
}

impl Program {
    /// Puts money into the owner's balance, which is created if need be at the owner's cost.
    #[must_use]
    pub fn deposit(&self, owner: Address, purse: Purse, amount: Amount) -> Built {
        let balance = self.balance(&owner, &purse.mint());
        let mut accounts = vec![paying(owner), read(self.config()), written(balance), read(SYSTEM_PROGRAM)];
        if let Purse::Tokens { mint, account } = purse {
            let vault = written(self.vault(&balance));
            accounts.extend([read(mint), written(account), vault, read(TOKEN_PROGRAM)]);
        }
        built(self, accounts, &Instruction::Deposit(amount))
    }

    /// Takes money out of the owner's balance.
    #[must_use]
    pub fn withdraw(&self, owner: Address, purse: Purse, amount: Amount) -> Built {
        built(self, self.outgoing(owner, purse), &Instruction::Withdraw(amount))
    }

    /// Takes everything out, ends the balance and gives its rent back to the owner.
    #[must_use]
    pub fn close_balance(&self, owner: Address, purse: Purse) -> Built {
        built(self, self.outgoing(owner, purse), &Instruction::CloseBalance)
    }

    fn outgoing(&self, owner: Address, purse: Purse) -> Vec<AccountMeta> {
        let balance = self.balance(&owner, &purse.mint());
        match purse {
            Purse::Sol => vec![paying(owner), written(balance)],
            Purse::Tokens { account, .. } => vec![
                paying(owner),
                written(balance),
                written(account),
                written(self.vault(&balance)),
                read(TOKEN_PROGRAM),
            ],
        }
    }

    /// Sets more aside for a job, by its buyer or by the settle key up to the buyer's limit.
    #[must_use]
    pub fn top_up(&self, authority: Address, balance: Address, escrow: Address, amount: Amount) -> Built {
        let accounts = vec![signer(authority), read(self.config()), written(balance), written(escrow)];
        built(self, accounts, &Instruction::TopUp(amount))
    }
}
