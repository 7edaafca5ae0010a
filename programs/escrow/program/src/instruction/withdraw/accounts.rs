use cyxwiz_escrow_interface::policy::Amount;
use cyxwiz_escrow_interface::{BalanceAccount, EscrowError};
use pinocchio::error::ProgramError;
use pinocchio::{AccountView, ProgramResult};

use crate::account::{distinct, exactly, load_balance, load_token, signed, token_program, writable};
use crate::dispatch::Call;
use crate::fail::ensure;
use crate::money::{Vault, sol_holds, tokens_hold};

/// The token accounts of a withdrawal.
pub(crate) struct Tokens<'a> {
    /// The owner's.
    pub(crate) target: &'a AccountView,
    /// The balance's.
    pub(crate) vault: &'a AccountView,
    /// What is in it.
    pub(crate) held: Amount,
}

/// The accounts of a withdrawal and of a balance's end.
pub(crate) struct Outgoing<'a> {
    /// Whose money it is.
    pub(crate) owner: &'a mut AccountView,
    /// The balance's account.
    pub(crate) view: &'a mut AccountView,
    /// What stands in it.
    pub(crate) books: BalanceAccount,
    /// Nothing for SOL.
    pub(crate) tokens: Option<Tokens<'a>>,
}

impl<'a> Outgoing<'a> {
    #[inline(always)]
    pub(crate) fn check(call: &'a mut Call<'_>) -> Result<Self, ProgramError> {
        if call.accounts.len() == 2 { Self::sol(call) } else { Self::tokens(call) }
    }

    #[inline(never)]
    fn sol(call: &'a mut Call<'_>) -> Result<Self, ProgramError> {
        let [owner, view] = exactly(call.accounts)?;
        signed(owner)?;
        writable(owner)?;
        writable(view)?;
        let books = load_balance(view, call.program)?;
        owns(owner, &books)?;
        sol_holds(view, &books)?;
        Ok(Self { owner, view, books, tokens: None })
    }

    #[inline(never)]
    fn tokens(call: &'a mut Call<'_>) -> Result<Self, ProgramError> {
        let [owner, view, target, vault, token] = exactly(call.accounts)?;
        signed(owner)?;
        writable(owner)?;
        for changed in [&*view, &*target, &*vault] {
            writable(changed)?;
        }
        token_program(token)?;
        distinct(target, vault)?;
        let books = load_balance(view, call.program)?;
        owns(owner, &books)?;
        let held = tokens_hold(&Vault { balance: view, books: &books, vault }, call.program)?.amount;
        load_token(target, &books.balance.mint, owner.address())?;
        Ok(Self { owner, view, books, tokens: Some(Tokens { target, vault, held }) })
    }
}

/// The policy says the same again; here it comes before the token accounts are judged by who owns them.
fn owns(owner: &AccountView, books: &BalanceAccount) -> ProgramResult {
    ensure(books.balance.owner == *owner.address(), EscrowError::NotOwner)
}
