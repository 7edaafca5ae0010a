//! What the chain holds, as the types of the escrow.

use cyxwiz_escrow_interface::policy::{Amount, Balance, Config, JobId, UnixTime};
use cyxwiz_escrow_interface::{
    Address, BalanceAccount, ConfigAccount, EscrowAccount, LayoutError, TOKEN_PROGRAM,
};
use solana_account::Account;

use crate::calls::{Contract, token_account};
use crate::error::{ChainError, Fault};
use crate::rpc::Rpc;
use cyxwiz_model::Coin;

/// The chain's own clock.
const CLOCK: Address = Address::from_str_const("SysvarC1ock11111111111111111111111111111111");
/// Where the Unix time stands in it: after slot, epoch start, epoch and leader schedule epoch.
const CLOCK_TIME: std::ops::Range<usize> = 32..40;

/// Bytes of a classic token account: mint 32, owner 32, amount 8, and more.
const TOKEN_ACCOUNT: usize = 165;
const TOKEN_AMOUNT: std::ops::Range<usize> = 64..72;

/// Tokens in an owner's own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenHoldings {
    /// The account.
    pub account: Address,
    /// What it holds; nothing where there is no account.
    pub amount: Option<Amount>,
}

/// What accounts cost to exist, in lamports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SolRent {
    /// A wallet.
    pub wallet: Amount,
    /// A balance of the escrow program.
    pub balance: Amount,
    /// A token account.
    pub token: Amount,
}

impl Rpc {
    /// The program's configuration.
    ///
    /// # Errors
    /// No answer; a program that is not set up, or is not this one.
    pub async fn config(&self, contract: &Contract) -> Result<Config<Address>, ChainError> {
        let address = contract.program.config();
        let data = self.owned(&address, &contract.program.id).await?.ok_or(ChainError::NoAccount(address))?;
        read(address, ConfigAccount::decode(&data)).map(|account| account.config)
    }

    /// An owner's balance; an empty one where there is none yet.
    ///
    /// # Errors
    /// No answer; an account that is not the program's.
    pub async fn balance(
        &self,
        contract: &Contract,
        owner: &Address,
        coin: Coin,
    ) -> Result<Option<Balance<Address>>, ChainError> {
        let address = contract.program.balance(owner, &contract.mint(coin));
        let Some(data) = self.owned(&address, &contract.program.id).await? else {
            return Ok(None);
        };
        read(address, BalanceAccount::decode(&data)).map(|account| Some(account.balance))
    }

    /// A job's escrow; nothing once it is closed, or before it is opened.
    ///
    /// # Errors
    /// No answer; an account that is not the program's.
    pub async fn escrow(
        &self,
        contract: &Contract,
        buyer: &Address,
        job: JobId,
    ) -> Result<Option<EscrowAccount>, ChainError> {
        let address = contract.program.escrow(buyer, job);
        let Some(data) = self.owned(&address, &contract.program.id).await? else {
            return Ok(None);
        };
        read(address, EscrowAccount::decode(&data)).map(Some)
    }

    /// USDC in an owner's own account.
    ///
    /// # Errors
    /// No answer; an account that is no token account.
    pub async fn tokens(&self, contract: &Contract, owner: &Address) -> Result<TokenHoldings, ChainError> {
        let account = token_account(owner, &contract.usdc);
        let Some(data) = self.owned(&account, &TOKEN_PROGRAM).await? else {
            return Ok(TokenHoldings { account, amount: None });
        };
        read(account, token_amount(&data)).map(|amount| TokenHoldings { account, amount: Some(amount) })
    }

    /// What the accounts that a deposit may create cost.
    ///
    /// # Errors
    /// No answer.
    pub async fn rents(&self) -> Result<SolRent, Fault> {
        let (wallet, balance) = (self.rent(0).await?, self.rent(BalanceAccount::LEN).await?);
        Ok(SolRent { wallet, balance, token: self.rent(TOKEN_ACCOUNT).await? })
    }

    /// What time it is on the chain; deadlines go by that.
    ///
    /// # Errors
    /// No answer.
    pub async fn time(&self) -> Result<UnixTime, ChainError> {
        let (_, accounts) = self.accounts(&[CLOCK]).await?;
        let clock = accounts.into_iter().next().flatten().ok_or(ChainError::NoAccount(CLOCK))?;
        let bytes = clock.data.get(CLOCK_TIME).and_then(|bytes| bytes.try_into().ok());
        let bytes = bytes.ok_or(ChainError::Layout { address: CLOCK, layout: LayoutError::Length })?;
        Ok(UnixTime(i64::from_le_bytes(bytes)))
    }

    /// An account's data, if it is there and `owner`'s.
    async fn owned(&self, address: &Address, owner: &Address) -> Result<Option<Vec<u8>>, ChainError> {
        let (_, accounts) = self.accounts(&[*address]).await?;
        data_of(*address, accounts.into_iter().next().flatten(), owner)
    }
}

/// The data of what was found at an address, if it belongs there. A look-alike of another program does not.
fn data_of(address: Address, found: Option<Account>, owner: &Address) -> Result<Option<Vec<u8>>, ChainError> {
    match found {
        None => Ok(None),
        Some(account) if account.owner == *owner => Ok(Some(account.data)),
        // lamports that somebody sent to an address that does not exist yet
        Some(account) if is_bare_wallet(&account) => Ok(None),
        Some(_) => Err(ChainError::ForeignAccount(address)),
    }
}

fn is_bare_wallet(account: &Account) -> bool {
    account.owner == cyxwiz_escrow_interface::SYSTEM_PROGRAM && account.data.is_empty()
}

fn token_amount(data: &[u8]) -> Result<Amount, LayoutError> {
    if data.len() != TOKEN_ACCOUNT {
        return Err(LayoutError::Length);
    }
    let bytes = data.get(TOKEN_AMOUNT).and_then(|bytes| bytes.try_into().ok());
    bytes.map(|bytes| Amount(u64::from_le_bytes(bytes))).ok_or(LayoutError::Length)
}

fn read<T>(address: Address, read: Result<T, LayoutError>) -> Result<T, ChainError> {
    read.map_err(|layout| ChainError::Layout { address, layout })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Address = Address::new_from_array([1; 32]);
    const OURS: Address = Address::new_from_array([2; 32]);

    fn found(owner: Address, data: &[u8]) -> Option<Account> {
        Some(Account { lamports: 1, data: data.to_vec(), owner, executable: false, rent_epoch: 0 })
    }

    #[test]
    fn what_belongs_there_is_read() {
        assert_eq!(data_of(HERE, found(OURS, b"books"), &OURS).unwrap().unwrap(), b"books");
        assert!(data_of(HERE, None, &OURS).unwrap().is_none());
        let gift = found(cyxwiz_escrow_interface::SYSTEM_PROGRAM, b"");
        assert!(data_of(HERE, gift, &OURS).unwrap().is_none());
    }

    #[test]
    fn a_look_alike_of_another_program_is_refused() {
        let others = [Address::new_from_array([3; 32]), TOKEN_PROGRAM];
        for other in others {
            for data in [&b"books"[..], b""] {
                let refused = data_of(HERE, found(other, data), &OURS);
                assert!(matches!(refused, Err(ChainError::ForeignAccount(HERE))), "{refused:?}");
            }
        }
        // a wallet has no data
        let odd = data_of(HERE, found(cyxwiz_escrow_interface::SYSTEM_PROGRAM, b"books"), &OURS);
        assert!(matches!(odd, Err(ChainError::ForeignAccount(HERE))), "{odd:?}");
    }
}
