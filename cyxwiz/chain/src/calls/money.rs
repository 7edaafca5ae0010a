//! What an owner may do with a balance.

use cyxwiz_escrow_interface::Address;
use cyxwiz_escrow_interface::build::Purse;

use super::{Contract, ensure_token_account};
use crate::draft::Draft;
use cyxwiz_model::{Coin, Money};

impl Contract {
    /// Puts money into the owner's balance, which is created at the owner's cost if need be.
    #[must_use]
    pub fn deposit(&self, owner: Address, money: Money) -> Draft {
        let purse = self.purse(&owner, money.coin);
        Draft::of(owner, self.program.deposit(owner, purse, money.amount))
    }

    /// Takes money out of the owner's balance, into a token account that is created if need be.
    #[must_use]
    pub fn withdraw(&self, owner: Address, money: Money) -> Draft {
        let purse = self.purse(&owner, money.coin);
        self.ready_purse(owner, purse)
            .then(Draft::of(owner, self.program.withdraw(owner, purse, money.amount)))
    }

    /// Takes everything out, ends the balance, gives its rent back to the owner.
    #[must_use]
    pub fn close_balance(&self, owner: Address, coin: Coin) -> Draft {
        let purse = self.purse(&owner, coin);
        self.ready_purse(owner, purse).then(Draft::of(owner, self.program.close_balance(owner, purse)))
    }

    fn ready_purse(&self, owner: Address, purse: Purse) -> Draft {
        let instructions = match purse {
            Purse::Sol => Vec::new(),
            Purse::Tokens { mint, .. } => vec![ensure_token_account(&owner, &owner, &mint)],
        };
        Draft { payer: owner, instructions }
    }
}
