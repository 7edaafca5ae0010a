use std::collections::BTreeMap;
use std::rc::Rc;

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
        world.watched.get_or_init(|| watched(world)).iter().copied().for_each(&mut take);
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

/// Wallets, token accounts, balances and vaults of the cast, whether or not they are there.
fn watched(world: &World) -> Rc<[Address]> {
    let cast = &world.cast;
    let of = |owner: Address| {
        let balances = [NATIVE, world.mint].map(|mint| world.program.balance(&owner, &mint));
        let vaults = balances.map(|balance| world.program.vault(&balance));
        [vec![owner, world.wallet(&owner)], balances.to_vec(), vaults.to_vec()].concat()
    };
    let owners = cast.all().into_iter().map(Signer::pubkey).filter(|owner| *owner != cast.bank.pubkey());
    owners.flat_map(of).collect()
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
