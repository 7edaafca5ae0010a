//! Creating an account at an address of this program, even where somebody has put lamports there before.

use cyxwiz_escrow_interface::{EscrowError, SYSTEM_PROGRAM};
use pinocchio::cpi::{Seed, Signer};
use pinocchio::error::ProgramError;
use pinocchio::{AccountView, Address, ProgramResult};
use pinocchio_system::instructions::CreateAccountAllowPrefund;

use crate::fail::{ensure, fail};

/// No address here has more, its bump included.
const MOST_SEEDS: usize = 4;

/// An address at which nothing stands yet.
pub(crate) struct Fresh<'a, const N: usize> {
    seeds: [&'a [u8]; N],
    /// The canonical bump.
    pub(crate) bump: u8,
}

impl<'a, const N: usize> Fresh<'a, N> {
    /// Checks that `view` stands at the canonical address of `seeds`, else `other`, and that nothing is there.
    #[inline(always)]
    pub(crate) fn at(
        view: &AccountView,
        seeds: [&'a [u8]; N],
        program: &Address,
        other: EscrowError,
    ) -> Result<Self, ProgramError> {
        // By hash and curve test, about 350 units a try; the syscall that searches takes 1,500 for the same.
        let found = Address::derive_program_address(&seeds, program);
        let (address, bump) = found.ok_or(fail(other))?;
        ensure(address == *view.address(), other)?;
        let nothing = view.owned_by(&SYSTEM_PROGRAM) && view.is_data_empty();
        ensure(nothing, EscrowError::AlreadyExists)?;
        Ok(Self { seeds, bump })
    }
}

/// Creates the account: `space` bytes that `owner` owns, at the payer's cost.
#[inline(always)]
pub(crate) fn create<const N: usize>(
    fresh: &Fresh<'_, N>,
    (payer, view): (&AccountView, &AccountView),
    space: usize,
    owner: &Address,
) -> ProgramResult {
    let bump = [fresh.bump];
    // The bump is the last seed.
    let seeds: [Seed<'_>; MOST_SEEDS] =
        core::array::from_fn(|n| Seed::from(fresh.seeds.get(n).copied().unwrap_or(&bump)));
    let used = seeds.get(..=N).ok_or(ProgramError::MaxSeedLengthExceeded)?;
    CreateAccountAllowPrefund::with_minimum_balance(payer, view, space as u64, owner, None)?
        .invoke_signed(&[Signer::from(used)])
}
