//! Refusals as the chain knows them.

use cyxwiz_escrow_interface::policy::Refusal;
use cyxwiz_escrow_interface::{EscrowError, LayoutError};
use pinocchio::error::ProgramError;

/// The error as the chain reports it.
pub(crate) fn fail(error: EscrowError) -> ProgramError {
    ProgramError::Custom(error.code())
}

/// The policy's refusal as the chain reports it.
pub(crate) fn refused(refusal: Refusal) -> ProgramError {
    fail(refusal.into())
}

/// What is wrong with an instruction's data.
pub(crate) fn bad_data(error: LayoutError) -> ProgramError {
    fail(match error {
        LayoutError::Length => EscrowError::DataLength,
        LayoutError::Kind | LayoutError::Version => EscrowError::UnknownInstruction,
        LayoutError::Value => EscrowError::DataValue,
    })
}

/// What is wrong with an account's data, where `other` says that it is another kind of account.
pub(crate) fn bad_account(error: LayoutError, other: EscrowError) -> ProgramError {
    fail(if error == LayoutError::Version { EscrowError::UnknownVersion } else { other })
}

/// Nothing, or the error.
pub(crate) fn ensure(holds: bool, error: EscrowError) -> Result<(), ProgramError> {
    if holds { Ok(()) } else { Err(fail(error)) }
}
