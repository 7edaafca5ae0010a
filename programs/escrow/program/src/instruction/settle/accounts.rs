use cyxwiz_escrow_interface::{BalanceAccount, ConfigAccount, EscrowAccount, EscrowError};
use pinocchio::error::ProgramError;
use pinocchio::{AccountView, Address, ProgramResult};

use crate::account::{
    distinct, exactly, load_balance, load_config, load_escrow, signed, token_program, writable,
};
use crate::dispatch::Call;
use crate::fail::ensure;

/// The accounts of a settlement.
pub(super) struct Accounts<'a> {
    /// Who signed.
    pub(super) signer: Address,
    /// The configuration.
    pub(super) config: ConfigAccount,
    /// The balance's account.
    pub(super) balance: &'a mut AccountView,
    /// What stands in it.
    pub(super) books: BalanceAccount,
    /// The escrow's account.
    pub(super) escrow: &'a mut AccountView,
    /// What stands in it.
    pub(super) account: EscrowAccount,
    /// Who paid the escrow's rent.
    pub(super) rent_payer: &'a mut AccountView,
    /// The payee, or a token account of his.
    pub(super) payee: &'a mut AccountView,
    /// The treasury, or a token account of its.
    pub(super) treasury: &'a mut AccountView,
    /// The balance's vault; nothing for SOL.
    pub(super) vault: Option<&'a AccountView>,
}

impl<'a> Accounts<'a> {
    #[inline(always)]
    pub(super) fn check(call: &'a mut Call<'_>) -> Result<Self, ProgramError> {
        let program = call.program;
        if call.accounts.len() == 7 {
            let all = exactly(call.accounts)?;
            Self::of(all, None, program)
        } else {
            let [signer, config, balance, escrow, rent, payee, treasury, vault, token] =
                exactly(call.accounts)?;
            token_program(token)?;
            writable(vault)?;
            distinct(vault, payee)?;
            distinct(vault, treasury)?;
            Self::each([signer, config, balance, escrow, rent, payee, treasury], Some(vault), program)
        }
    }

    fn of(
        all: &'a mut [AccountView; 7],
        vault: Option<&'a AccountView>,
        program: &Address,
    ) -> Result<Self, ProgramError> {
        let [signer, config, balance, escrow, rent, payee, treasury] = all;
        Self::each([signer, config, balance, escrow, rent, payee, treasury], vault, program)
    }

    #[inline(always)]
    fn each(
        [signer, config, balance, escrow, rent_payer, payee, treasury]: [&'a mut AccountView; 7],
        vault: Option<&'a AccountView>,
        program: &Address,
    ) -> Result<Self, ProgramError> {
        signed(signer)?;
        for changed in [&*balance, &*escrow, &*rent_payer, &*payee, &*treasury] {
            writable(changed)?;
        }
        let config = load_config(config, program)?;
        let books = load_balance(balance, program)?;
        let account = load_escrow(escrow, program)?;
        ensure(account.rent_payer == *rent_payer.address(), EscrowError::WrongRentPayer)?;
        for paid in [&*payee, &*treasury] {
            apart(paid, balance, escrow)?;
        }
        let signer = *signer.address();
        Ok(Self { signer, config, balance, books, escrow, account, rent_payer, payee, treasury, vault })
    }
}

/// Whoever is paid is neither where the money comes from nor what is closed.
fn apart(paid: &AccountView, balance: &AccountView, escrow: &AccountView) -> ProgramResult {
    distinct(paid, balance)?;
    distinct(paid, escrow)
}
