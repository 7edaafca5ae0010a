//! Whether an owner can do what he asks for, told before anything is signed.

use cyxwiz_chain::escrow::Address;
use cyxwiz_chain::escrow::policy::Amount;
use cyxwiz_chain::{Coin, Money, SolRent};

use super::balance::Holding;
use crate::error::CliError;

/// What lamports a transaction costs beside what it moves.
pub(crate) struct Cost {
    /// The signatures.
    pub(crate) fee: Amount,
    /// Accounts that it creates.
    pub(crate) accounts: Amount,
    /// What a wallet keeps to exist.
    pub(crate) keep: Amount,
}

impl Cost {
    /// A first deposit creates the balance, and for tokens its vault.
    pub(super) fn of_deposit(holding: &Holding, fee: Amount, rents: &SolRent) -> Self {
        let accounts = match (holding.opened, holding.coin) {
            (true, _) => 0,
            (false, Coin::Sol) => rents.balance.0,
            (false, Coin::Usdc) => rents.balance.0.saturating_add(rents.token.0),
        };
        Self { fee, accounts: Amount(accounts), keep: rents.wallet }
    }

    fn sum(&self) -> u64 {
        self.fee.0.saturating_add(self.accounts.0).saturating_add(self.keep.0)
    }
}

/// A deposit: the money and the cost, which may be of the same coin.
pub(super) fn deposit(
    owner: Address,
    holding: &Holding,
    lamports: Amount,
    money: Money,
    cost: &Cost,
) -> Result<(), CliError> {
    if money.coin == Coin::Sol {
        let needs = Money::new(Coin::Sol, money.amount.0.saturating_add(cost.sum()));
        let has = Money { coin: Coin::Sol, amount: lamports };
        return if has.amount < needs.amount { Err(CliError::NoFunds { owner, has, needs }) } else { Ok(()) };
    }
    if holding.wallet < money.amount {
        let has = Money { coin: money.coin, amount: holding.wallet };
        return Err(CliError::NoFunds { owner, has, needs: money });
    }
    fees(owner, lamports, cost)
}

/// The cost alone.
pub(crate) fn fees(owner: Address, lamports: Amount, cost: &Cost) -> Result<(), CliError> {
    let (has, needs) = (Money { coin: Coin::Sol, amount: lamports }, Money::new(Coin::Sol, cost.sum()));
    if has.amount < needs.amount { Err(CliError::NoFees { owner, has, needs }) } else { Ok(()) }
}

/// A withdrawal takes what is free.
pub(super) fn withdraw(holding: &Holding, asked: Money) -> Result<(), CliError> {
    if holding.free < asked.amount {
        let money = |amount| Money { coin: asked.coin, amount };
        let (free, locked) = (money(holding.free), money(holding.locked));
        return Err(CliError::NotFree { free, locked, asked });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RENTS: SolRent =
        SolRent { wallet: Amount(890_880), balance: Amount(1_503_360), token: Amount(2_039_280) };
    const FEE: Amount = Amount(5_000);

    fn holding(coin: Coin, wallet: u64) -> Holding {
        let (free, locked) = (Amount(7), Amount(3));
        Holding { coin, wallet: Amount(wallet), free, locked, opened: false }
    }

    fn owner() -> Address {
        Address::new_from_array([2; 32])
    }

    #[test]
    fn a_deposit_of_sol_leaves_what_the_wallet_needs() {
        let holding = holding(Coin::Sol, 0);
        let cost = Cost::of_deposit(&holding, FEE, &RENTS);
        let exact = 1_000 + 5_000 + 1_503_360 + 890_880;
        let ask =
            |lamports| deposit(owner(), &holding, Amount(lamports), Money::new(Coin::Sol, 1_000), &cost);
        assert!(ask(exact).is_ok());
        let error = ask(exact - 1).unwrap_err().to_string();
        assert!(error.ends_with("has 0.002400239 SOL, this needs 0.00240024 SOL"), "{error}");
    }

    #[test]
    fn a_deposit_of_tokens_needs_both() {
        let holding = holding(Coin::Usdc, 10);
        let cost = Cost::of_deposit(&holding, FEE, &RENTS);
        let ask = |amount, lamports| {
            deposit(owner(), &holding, Amount(lamports), Money::new(Coin::Usdc, amount), &cost)
        };
        assert!(ask(10, 10_000_000).is_ok());
        assert!(matches!(ask(11, 10_000_000), Err(CliError::NoFunds { .. })));
        assert!(matches!(ask(10, 0), Err(CliError::NoFees { .. })));
    }

    #[test]
    fn only_what_is_free_comes_out() {
        let holding = holding(Coin::Usdc, 0);
        assert!(withdraw(&holding, Money::new(Coin::Usdc, 7)).is_ok());
        let error = withdraw(&holding, Money::new(Coin::Usdc, 8)).unwrap_err();
        assert_eq!(error.to_string(), "0.000007 USDC of the balance are free, 0.000008 USDC are asked for");
    }
}
