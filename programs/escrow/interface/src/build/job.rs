use alloc::vec;

use cyxwiz_escrow_policy::{Charge, Epoch, Order, Stage};
use solana_address::Address;
use solana_instruction::Instruction as Built;

use super::{Program, built, paying, read, signer, written};
use crate::{EscrowAccount, Instruction, NATIVE, SYSTEM_PROGRAM, TOKEN_PROGRAM};

/// The accounts that every end of an escrow touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The buyer's balance of the escrow's mint.
    pub balance: Address,
    /// The escrow.
    pub escrow: Address,
    /// Who gets its rent back.
    pub rent_payer: Address,
}

/// Where the shares of a settlement go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paid {
    /// To wallets.
    Sol {
        /// The assigned payee.
        payee: Address,
        /// The treasury.
        treasury: Address,
    },
    /// To token accounts of theirs.
    Tokens {
        /// The payee's.
        payee: Address,
        /// The treasury's.
        treasury: Address,
    },
}

impl Closed {
    /// The accounts of an escrow that was read from the chain.
    #[must_use]
    pub fn of(program: &Program, account: &EscrowAccount) -> Self {
        let escrow = &account.escrow;
        Self {
            balance: program.balance(&escrow.buyer, &escrow.mint),
            escrow: program.escrow(&escrow.buyer, escrow.job),
            rent_payer: account.rent_payer,
        }
    }
}

impl Paid {
    /// For a job in SOL: payee and treasury as the escrow names them; nothing while nobody is assigned, or for
    /// tokens, whose accounts the caller must name.
    #[must_use]
    pub fn sol(account: &EscrowAccount) -> Option<Self> {
        let escrow = &account.escrow;
        match escrow.stage {
            Stage::Assigned { payee, .. } if escrow.mint == NATIVE => {
                Some(Self::Sol { payee, treasury: escrow.treasury })
            }
            _ => None,
        }
    }
}

impl Program {
    /// Sets money aside for a job; `payer` pays the escrow's rent and gets it back.
    #[must_use]
    pub fn open(&self, buyer: Address, payer: Address, mint: Address, order: Order) -> Built {
        let accounts = vec![
            signer(buyer),
            paying(payer),
            read(self.config()),
            written(self.balance(&buyer, &mint)),
            written(self.escrow(&buyer, order.job)),
            read(SYSTEM_PROGRAM),
        ];
        built(self, accounts, &Instruction::Open(order))
    }

    /// Names who will be paid.
    #[must_use]
    pub fn assign(&self, settle_key: Address, escrow: Address, payee: Address, epoch: Epoch) -> Built {
        let accounts = vec![signer(settle_key), read(self.config()), written(escrow)];
        built(self, accounts, &Instruction::Assign { payee, epoch })
    }

    /// Pays payee and treasury, gives back the rest, ends the escrow.
    #[must_use]
    pub fn settle(&self, settle_key: Address, closed: Closed, paid: Paid, charge: Charge) -> Built {
        let mut accounts = vec![
            signer(settle_key),
            read(self.config()),
            written(closed.balance),
            written(closed.escrow),
            written(closed.rent_payer),
        ];
        match paid {
            Paid::Sol { payee, treasury } => accounts.extend([written(payee), written(treasury)]),
            Paid::Tokens { payee, treasury } => accounts.extend([
                written(payee),
                written(treasury),
                written(self.vault(&closed.balance)),
                read(TOKEN_PROGRAM),
            ]),
        }
        built(self, accounts, &Instruction::Settle(charge))
    }

    /// The settle key gives everything back.
    #[must_use]
    pub fn refund(&self, settle_key: Address, closed: Closed) -> Built {
        let accounts = vec![
            signer(settle_key),
            written(closed.balance),
            written(closed.escrow),
            written(closed.rent_payer),
        ];
        built(self, accounts, &Instruction::Refund)
    }

    /// The buyer takes everything back.
    #[must_use]
    pub fn cancel(&self, buyer: Address, closed: Closed) -> Built {
        let accounts = vec![
            signer(buyer),
            read(self.config()),
            written(closed.balance),
            written(closed.escrow),
            written(closed.rent_payer),
        ];
        built(self, accounts, &Instruction::Cancel)
    }

    /// The deadline gives everything back; anybody may send it.
    #[must_use]
    pub fn expire(&self, closed: Closed) -> Built {
        let accounts = vec![written(closed.balance), written(closed.escrow), written(closed.rent_payer)];
        built(self, accounts, &Instruction::Expire)
    }
}
