use cyxwiz_chain::escrow::policy::{Charge, Epoch as ChainEpoch, JobId as EscrowJob, Stage};
use cyxwiz_chain::escrow::{Address, EscrowAccount};
use cyxwiz_chain::{Coin, Draft, Money, PayoutGap};
use cyxwiz_model::{Amount, Split};

use super::rows::{Kind, Row};
use crate::ServerError;
use crate::jobs::Job;
use crate::market::Market;

/// What is to be done about a row, by what the escrow says.
pub(super) enum Todo {
    /// Send this.
    Send(Draft),
    /// It has happened.
    Done,
    /// It need not, or can not, happen any more.
    Moot(String),
    /// The escrow's time is over: it cannot be settled, only given back.
    TooLate,
}

pub(super) async fn draft(
    market: &Market,
    row: &Row,
    job: &Job,
    key: Address,
    account: &EscrowAccount,
) -> Result<Todo, ServerError> {
    let (contract, rpc) = (&market.contract, &market.ground.rpc);
    let escrow_job = (job.buyer, EscrowJob(*job.id.as_bytes()));
    let over = || async { Ok::<_, ServerError>(rpc.time().await? >= account.escrow.expire_at) };
    Ok(match row.kind {
        Kind::Assign => {
            let payee =
                row.payee.ok_or_else(|| ServerError::stored("the outbox", "an assignment of nobody"))?;
            match account.escrow.stage {
                Stage::Assigned { payee: named, epoch } if epoch == row.epoch && named == payee => Todo::Done,
                Stage::Assigned { epoch, .. } if epoch >= row.epoch => {
                    Todo::Moot(format!("assignment {} is named already", epoch.0))
                }
                _ if over().await? => Todo::Moot("the escrow's time is over".to_owned()),
                _ => Todo::Send(contract.assign(key, escrow_job, payee, ChainEpoch(row.epoch.0))),
            }
        }
        Kind::TopUp => {
            if account.escrow.deposit >= row.deposit_then {
                return Ok(Todo::Done);
            }
            let balance = rpc.balance(contract, &job.buyer, job.rate.coin).await?;
            let free = balance.map_or(Amount::ZERO, |balance| balance.free);
            if free < row.amount || over().await? {
                Todo::Moot("the buyer's balance no longer has it".to_owned())
            } else {
                let money = Money { coin: job.rate.coin, amount: row.amount };
                Todo::Send(contract.top_up(key, escrow_job, money))
            }
        }
        Kind::Settle if over().await? => Todo::TooLate,
        Kind::Settle => Todo::Send(settle(market, row, job, key, account).await?),
        Kind::Refund => Todo::Send(contract.refund(key, account)),
    })
}

async fn settle(
    market: &Market,
    row: &Row,
    job: &Job,
    key: Address,
    account: &EscrowAccount,
) -> Result<Draft, ServerError> {
    let rpc = &market.ground.rpc;
    let split = Split::of(account.escrow.deposit, row.amount, account.escrow.fee)
        .map_err(|refusal| ServerError::Said(format!("the charge cannot be split: {refusal:?}")))?;
    let gap = match (job.rate.coin, account.escrow.stage) {
        (Coin::Sol, Stage::Assigned { payee, .. }) => {
            let minimum = rpc.rents().await?.wallet;
            let held = [rpc.lamports(&payee).await?, rpc.lamports(&account.escrow.treasury).await?];
            PayoutGap::of(held, &split, minimum)
        }
        _ => PayoutGap::default(),
    };
    let charge = Charge { charged: row.amount, epoch: ChainEpoch(row.epoch.0) };
    let draft = market.contract.settle(key, account, charge, gap);
    draft.map_err(|error| ServerError::Said(format!("the escrow cannot be settled: {error}")))
}
