use cyxwiz_chain::escrow::EscrowAccount;
use cyxwiz_chain::escrow::policy::Stage;
use cyxwiz_chain::{Coin, Contract, Money};

use super::row::Job;

/// In what an escrow differs from the terms of its job; nothing where it is open on them exactly.
#[must_use]
pub fn differs(contract: &Contract, job: &Job, account: &EscrowAccount) -> Option<String> {
    let (escrow, terms, coin) = (&account.escrow, &job.terms, job.rate.coin);
    let money = |amount: cyxwiz_model::Amount| Money { coin, amount };
    if escrow.mint != contract.mint(coin) {
        let found = contract.coin(&escrow.mint).map_or("another token", Coin::symbol);
        return Some(format!("it is in {found}, the job is in {coin}"));
    }
    if escrow.deposit != terms.deposit {
        return Some(format!(
            "{} are set aside, {} were agreed",
            money(escrow.deposit),
            money(terms.deposit)
        ));
    }
    if escrow.limit != terms.limit {
        return Some(format!("its limit is {}, {} was agreed", money(escrow.limit), money(terms.limit)));
    }
    if escrow.expire_at.0 != terms.expire_at {
        return Some(format!("it expires at {}, {} was agreed", escrow.expire_at.0, terms.expire_at));
    }
    if escrow.settle_key != terms.settle_key {
        return Some(format!("its settle key is {}, {} was agreed", escrow.settle_key, terms.settle_key));
    }
    if escrow.treasury != terms.treasury {
        return Some(format!("its treasury is {}, {} was agreed", escrow.treasury, terms.treasury));
    }
    if escrow.fee.0 != terms.fee_bps {
        return Some(format!("its fee is {} ten-thousandths, {} were agreed", escrow.fee.0, terms.fee_bps));
    }
    if escrow.config_version.0 != terms.config_version {
        return Some(format!(
            "it was opened under configuration {}, {} was agreed",
            escrow.config_version.0, terms.config_version
        ));
    }
    if escrow.stage != Stage::Open {
        return Some("somebody is named as payee already".to_owned());
    }
    None
}
