//! `cyxwiz wallet`: the keypair, what it holds, and what stands in the escrow program for it.

mod address;
mod afford;
mod balance;
mod deposit;
mod history;
mod new;
mod send;
mod withdraw;
mod witness;

pub(crate) use afford::{Cost, fees};
pub(crate) use balance::Holding;
pub(crate) use deposit::known;
pub(crate) use send::{finish_earlier, run as send};

use clap::{Args, Subcommand};
use cyxwiz_chain::{Coin, Money};

use crate::context::Context;
use crate::error::CliError;

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Make a new keypair file
    New,
    /// Print the wallet's address
    Address,
    /// Show what the wallet and its balance in the escrow hold
    Balance(balance::Verb),
    /// Put money into the balance that pays for jobs
    Deposit(Amount),
    /// Take free money back out of the balance
    Withdraw(Amount),
    /// List what happened to the balance, newest first
    History(history::Verb),
}

#[derive(Args)]
pub(crate) struct Amount {
    /// How much, such as 12.5
    amount: String,
    /// Of what: SOL or USDC
    coin: String,
}

impl Amount {
    fn money(&self) -> Result<Money, CliError> {
        let coin: Coin = self.coin.parse()?;
        Ok(Money::parse(&self.amount, coin)?)
    }
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<(), CliError> {
    match verb {
        Verb::New => new::run(context),
        Verb::Address => address::run(context),
        Verb::Balance(verb) => balance::run(verb, context).await,
        Verb::Deposit(amount) => deposit::run(amount.money()?, context).await,
        Verb::Withdraw(amount) => withdraw::run(amount.money()?, context).await,
        Verb::History(verb) => history::run(verb, context).await,
    }
}
