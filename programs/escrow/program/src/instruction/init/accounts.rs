use cyxwiz_escrow_interface::{ConfigAccount, EscrowError, LOADER, seeds};
use pinocchio::error::ProgramError;
use pinocchio::{AccountView, Address};

use crate::account::{Fresh, create, exactly, signed, system_program, writable};
use crate::dispatch::Call;
use crate::fail::{ensure, fail};

/// The loader's record of a program's code begins with this kind.
const PROGRAM_DATA: [u8; 4] = 3u32.to_le_bytes();

/// Creates the configuration's account and returns it with its bump, once the upgrade authority signed.
pub(super) fn create_config<'a>(call: &'a mut Call<'_>) -> Result<(&'a mut AccountView, u8), ProgramError> {
    let [payer, authority, config, data, system] = exactly(call.accounts)?;
    signed(payer)?;
    writable(payer)?;
    signed(authority)?;
    writable(config)?;
    system_program(system)?;
    ensure(upgrade_authority(data, call.program)? == *authority.address(), EscrowError::NotUpgradeAuthority)?;
    let fresh = Fresh::at(config, [seeds::CONFIG], call.program, EscrowError::ConfigAddress)?;
    create(&fresh, (payer, config), ConfigAccount::LEN, call.program)?;
    Ok((config, fresh.bump))
}

/// Who may replace this program. Kind (4 bytes), slot (8), whether there is an authority (1), the authority (32).
fn upgrade_authority(data: &AccountView, program: &Address) -> Result<Address, ProgramError> {
    let wrong = || fail(EscrowError::NotProgramData);
    let found = Address::derive_program_address(&[program.as_array()], &LOADER);
    let (address, _) = found.ok_or_else(wrong)?;
    ensure(address == *data.address() && data.owned_by(&LOADER), EscrowError::NotProgramData)?;
    let bytes = data.try_borrow()?;
    let (kind, rest) = bytes.split_first_chunk::<4>().ok_or_else(wrong)?;
    let (_slot, rest) = rest.split_first_chunk::<8>().ok_or_else(wrong)?;
    let (has, rest) = rest.split_first_chunk::<1>().ok_or_else(wrong)?;
    let (authority, _code) = rest.split_first_chunk::<32>().ok_or_else(wrong)?;
    ensure(*kind == PROGRAM_DATA, EscrowError::NotProgramData)?;
    ensure(*has == [1], EscrowError::NotUpgradeAuthority)?;
    Ok(Address::new_from_array(*authority))
}
