//! Accounts of the classic token program.

use cyxwiz_escrow_interface::policy::Amount;
use cyxwiz_escrow_interface::{EscrowError, TOKEN_PROGRAM};
use pinocchio::error::ProgramError;
use pinocchio::{AccountView, Address, ProgramResult};
use pinocchio_token::state::{Account, Mint};

use crate::fail::{ensure, fail};

/// What a token account says.
pub(crate) struct TokenAccount {
    /// What it holds.
    pub(crate) amount: Amount,
}

/// Reads a token account that must hold `mint`, belong to `owner` and be free to move.
pub(crate) fn load_token(
    view: &AccountView,
    mint: &Address,
    owner: &Address,
) -> Result<TokenAccount, ProgramError> {
    let shape = view.owned_by(&TOKEN_PROGRAM) && view.data_len() == Account::LEN;
    ensure(shape, EscrowError::NotTokenAccount)?;
    let account = Account::from_account_view(view)?;
    ensure(account.is_initialized(), EscrowError::NotTokenAccount)?;
    ensure(account.mint() == mint, EscrowError::TokenMint)?;
    ensure(account.owner() == owner, EscrowError::TokenOwner)?;
    ensure(!account.is_frozen(), EscrowError::TokenAccountFrozen)?;
    Ok(TokenAccount { amount: Amount(account.amount()) })
}

/// It is a mint of the classic token program.
pub(crate) fn mint(view: &AccountView) -> ProgramResult {
    let shape = view.owned_by(&TOKEN_PROGRAM) && view.data_len() == Mint::LEN;
    ensure(shape, EscrowError::NotMint)?;
    let mint = Mint::from_account_view(view)?;
    if mint.is_initialized() { Ok(()) } else { Err(fail(EscrowError::NotMint)) }
}
