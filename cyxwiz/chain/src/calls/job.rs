//! What buyer, settle key and anybody may do with a job's escrow.

use cyxwiz_escrow_interface::build::{Closed, Paid};
use cyxwiz_escrow_interface::policy::{Amount, Charge, Epoch, JobId, Order, Split, Stage};
use cyxwiz_escrow_interface::{Address, EscrowAccount, EscrowError, NATIVE};
use solana_system_interface::instruction::transfer;

use super::{Contract, ensure_token_account, token_account};
use crate::draft::Draft;
use cyxwiz_model::{Coin, Money};

/// Lamports that payee and treasury lack to exist after a payout in SOL. A wallet that holds less than the rent
/// minimum cannot exist on the chain, so a small first payout would be refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PayoutGap {
    /// What the payee lacks.
    pub payee: Amount,
    /// What the treasury lacks.
    pub treasury: Amount,
}

impl PayoutGap {
    /// From what each has now, what each gets, and the rent minimum of an empty account.
    #[must_use]
    pub fn of(held: [Amount; 2], split: &Split, minimum: Amount) -> Self {
        let [payee, treasury] = held;
        Self { payee: lack(payee, split.node, minimum), treasury: lack(treasury, split.platform, minimum) }
    }
}

fn lack(held: Amount, share: Amount, minimum: Amount) -> Amount {
    // who gets nothing is not touched
    if share == Amount::ZERO {
        return Amount::ZERO;
    }
    Amount(minimum.0.saturating_sub(held.0.saturating_add(share.0)))
}

impl Contract {
    /// Sets money aside for a job; `payer` pays fee and rent, and gets the rent back at the end.
    #[must_use]
    pub fn open(&self, buyer: Address, payer: Address, coin: Coin, order: Order) -> Draft {
        Draft::of(payer, self.program.open(buyer, payer, self.mint(coin), order))
    }

    /// Names who will be paid.
    #[must_use]
    pub fn assign(&self, settle_key: Address, job: (Address, JobId), payee: Address, epoch: Epoch) -> Draft {
        let escrow = self.program.escrow(&job.0, job.1);
        Draft::of(settle_key, self.program.assign(settle_key, escrow, payee, epoch))
    }

    /// Sets more aside, by the buyer or by the settle key up to the buyer's limit.
    #[must_use]
    pub fn top_up(&self, authority: Address, (buyer, job): (Address, JobId), money: Money) -> Draft {
        let balance = self.program.balance(&buyer, &self.mint(money.coin));
        let escrow = self.program.escrow(&buyer, job);
        Draft::of(authority, self.program.top_up(authority, balance, escrow, money.amount))
    }

    /// Pays payee and treasury and gives the rest back. Token accounts that lack are created, lamports that lack
    /// are sent first, both at the settle key's cost.
    ///
    /// # Errors
    /// [`EscrowError::NotAssigned`] while there is nobody to pay.
    pub fn settle(
        &self,
        settle_key: Address,
        account: &EscrowAccount,
        charge: Charge,
        gap: PayoutGap,
    ) -> Result<Draft, EscrowError> {
        let escrow = &account.escrow;
        let Stage::Assigned { payee, .. } = escrow.stage else {
            return Err(EscrowError::NotAssigned);
        };
        let (mint, treasury) = (escrow.mint, escrow.treasury);
        let (mut instructions, paid) = if mint == NATIVE {
            let gaps = [(payee, gap.payee), (treasury, gap.treasury)];
            let filled = gaps.into_iter().filter(|(_, lamports)| *lamports != Amount::ZERO);
            let transfers = filled.map(|(to, lamports)| transfer(&settle_key, &to, lamports.0)).collect();
            (transfers, Paid::Sol { payee, treasury })
        } else {
            let ensure = |owner| ensure_token_account(&settle_key, owner, &mint);
            let paid = Paid::Tokens {
                payee: token_account(&payee, &mint),
                treasury: token_account(&treasury, &mint),
            };
            (vec![ensure(&payee), ensure(&treasury)], paid)
        };
        let closed = Closed::of(&self.program, account);
        instructions.push(self.program.settle(settle_key, closed, paid, charge));
        Ok(Draft { payer: settle_key, instructions })
    }

    /// The settle key gives everything back.
    #[must_use]
    pub fn refund(&self, settle_key: Address, account: &EscrowAccount) -> Draft {
        Draft::of(settle_key, self.program.refund(settle_key, Closed::of(&self.program, account)))
    }

    /// The buyer takes everything back.
    #[must_use]
    pub fn cancel(&self, account: &EscrowAccount) -> Draft {
        let buyer = account.escrow.buyer;
        Draft::of(buyer, self.program.cancel(buyer, Closed::of(&self.program, account)))
    }

    /// The deadline gives everything back; anybody may send it.
    #[must_use]
    pub fn expire(&self, anybody: Address, account: &EscrowAccount) -> Draft {
        Draft::of(anybody, self.program.expire(Closed::of(&self.program, account)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn after_the_gap_is_filled_everybody_exists(held: u64, share in 1_u64.., minimum: u64) {
            let lack = lack(Amount(held), Amount(share), Amount(minimum));
            let after = u128::from(held) + u128::from(share) + u128::from(lack.0);
            prop_assert!(after >= u128::from(minimum));
            // and nothing is given away
            prop_assert!(lack == Amount::ZERO || after == u128::from(minimum));
        }
    }

    #[test]
    fn who_gets_nothing_needs_nothing() {
        assert_eq!(lack(Amount::ZERO, Amount::ZERO, Amount(890_880)), Amount::ZERO);
    }
}
