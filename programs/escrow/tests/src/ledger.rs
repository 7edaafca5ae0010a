use std::collections::BTreeMap;

use cyxwiz_escrow_interface::{Address, BalanceAccount, NATIVE};
use solana_account::Account;
use solana_signer::Signer;

use crate::World;

/// Every account that a test could change, whole: lamports, owner and data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger(BTreeMap<[u8; 32], Account>);

impl Ledger {
    /// All accounts of the program and of the cast, but not who pays the fees.
    pub fn of(world: &World) -> Self {
        let mut ledger = BTreeMap::new();
        let mut take = |address: Address| {
            if let Some(account) = world.svm.get_account(&address) {
                ledger.insert(*address.as_array(), account);
            }
        };
        let cast = world.cast.clone();
        for key in cast.all().into_iter().filter(|key| key.pubkey() != cast.bank.pubkey()) {
            let owner = key.pubkey();
            take(owner);
            take(world.wallet(&owner));
            for mint in [NATIVE, world.mint] {
                let balance = world.program.balance(&owner, &mint);
                take(balance);
                take(world.program.vault(&balance));
            }
        }
        for (address, _) in world.svm.get_program_accounts(&world.program.id) {
            take(address);
        }
        Self(ledger)
    }

    /// All lamports.
    pub fn lamports(&self) -> u64 {
        self.0.values().map(|account| account.lamports).sum()
    }

    /// All tokens.
    pub fn tokens(&self) -> u64 {
        let amount = |data: &[u8]| u64::from_le_bytes(data[64..72].try_into().expect("eight bytes"));
        self.0.values().filter(|account| account.data.len() == 165).map(|account| amount(&account.data)).sum()
    }
}

impl World {
    /// What accounts cost to be there: the lamports of the program's own and of its vaults, less the money in them.
    pub fn locked(&self) -> i64 {
        let accounts = self.svm.get_program_accounts(&self.program.id);
        let of = |(address, account): &(Address, Account)| match BalanceAccount::decode(&account.data) {
            Ok(books) if books.balance.mint == NATIVE => {
                account.lamports - books.balance.total().expect("a sum").0
            }
            Ok(_) => account.lamports + self.svm.get_balance(&self.program.vault(address)).unwrap_or(0),
            Err(_) => account.lamports,
        };
        accounts.iter().map(of).sum::<u64>().try_into().expect("fits")
    }
}
