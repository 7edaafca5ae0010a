use cyxwiz_escrow_interface::policy::Balance;
use cyxwiz_escrow_interface::{BalanceAccount, ConfigAccount, EscrowError, NATIVE, seeds};
use pinocchio::error::ProgramError;
use pinocchio::{AccountView, Address, ProgramResult};

use crate::account::{
    Fresh, create, distinct, exactly, load_balance, load_config, load_token, mint, signed, system_program,
    token_program, writable,
};
use crate::dispatch::Call;
use crate::fail::fail;
use crate::money::{Vault, create_vault, sol_holds, tokens_hold};

/// The token accounts of a deposit.
pub(super) struct Tokens<'a> {
    /// The owner's.
    pub(super) source: &'a AccountView,
    /// The balance's.
    pub(super) vault: &'a AccountView,
}

/// The accounts of a deposit.
pub(super) struct Accounts<'a> {
    /// Whose money it is.
    pub(super) owner: &'a AccountView,
    /// The configuration.
    pub(super) config: ConfigAccount,
    /// The balance's account.
    pub(super) view: &'a mut AccountView,
    /// What stands in it; an empty one when it was created just now.
    pub(super) books: BalanceAccount,
    /// Nothing for SOL.
    pub(super) tokens: Option<Tokens<'a>>,
}

impl<'a> Accounts<'a> {
    #[inline(always)]
    pub(super) fn check(call: &'a mut Call<'_>) -> Result<Self, ProgramError> {
        if call.accounts.len() == 4 { Self::sol(call) } else { Self::tokens(call) }
    }

    #[inline(never)]
    fn sol(call: &'a mut Call<'_>) -> Result<Self, ProgramError> {
        let [owner, config, view, system] = exactly(call.accounts)?;
        both(owner, view, system)?;
        let config = load_config(config, call.program)?;
        let books = if view.owned_by(call.program) {
            load_balance(view, call.program)?
        } else {
            config.config.admits(NATIVE).map_err(crate::fail::refused)?;
            create_balance((owner, view), &NATIVE, call.program)?
        };
        sol_holds(view, &books)?;
        Ok(Self { owner, config, view, books, tokens: None })
    }

    #[inline(never)]
    fn tokens(call: &'a mut Call<'_>) -> Result<Self, ProgramError> {
        let [owner, config, view, system, mint_view, source, vault, token] = exactly(call.accounts)?;
        both(owner, view, system)?;
        token_program(token)?;
        writable(source)?;
        writable(vault)?;
        distinct(source, vault)?;
        mint(mint_view)?;
        let config = load_config(config, call.program)?;
        load_token(source, mint_view.address(), owner.address())?;
        let books = if view.owned_by(call.program) {
            load_balance(view, call.program)?
        } else {
            config.config.admits(*mint_view.address()).map_err(crate::fail::refused)?;
            let mut books = create_balance((owner, view), mint_view.address(), call.program)?;
            let seeds = [seeds::VAULT, view.address().as_array()];
            let fresh = Fresh::at(vault, seeds, call.program, EscrowError::VaultAddress)?;
            create_vault(&fresh, owner, [vault, mint_view, view])?;
            books.vault_bump = fresh.bump;
            books
        };
        if books.balance.mint != *mint_view.address() {
            return Err(fail(EscrowError::TokenMint));
        }
        tokens_hold(&Vault { balance: view, books: &books, vault }, call.program)?;
        Ok(Self { owner, config, view, books, tokens: Some(Tokens { source, vault }) })
    }
}

fn both(owner: &AccountView, view: &AccountView, system: &AccountView) -> ProgramResult {
    signed(owner)?;
    writable(owner)?;
    writable(view)?;
    system_program(system)
}

fn create_balance(
    (owner, view): (&AccountView, &AccountView),
    mint: &Address,
    program: &Address,
) -> Result<BalanceAccount, ProgramError> {
    let seeds = [seeds::BALANCE, owner.address().as_array(), mint.as_array()];
    let fresh = Fresh::at(view, seeds, program, EscrowError::BalanceAddress)?;
    create(&fresh, (owner, view), BalanceAccount::LEN, program)?;
    let balance = Balance::new(*owner.address(), *mint);
    Ok(BalanceAccount { bump: fresh.bump, vault_bump: 0, balance })
}
