use std::cell::OnceCell;
use std::rc::Rc;

use cyxwiz_escrow_interface::build::{Program, Purse};
use cyxwiz_escrow_interface::policy::{Amount, ConfigVersion, Epoch, JobId, Order, UnixTime};
use cyxwiz_escrow_interface::{
    Address, BalanceAccount, ConfigAccount, EscrowAccount, LOADER, NATIVE, SYSTEM_PROGRAM, TOKEN_PROGRAM,
};
use litesvm::LiteSVM;
use solana_account::Account;
use solana_clock::Clock;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::{Cast, mint_data, token_data};

/// When every world begins.
pub const START: i64 = 1_800_000_000;

/// How long its escrows live, unless a test says otherwise.
pub const LIFE: i64 = 24 * 60 * 60;

/// How much is set aside for a job, unless a test says otherwise.
pub const DEPOSIT: u64 = 1_000_003;

/// The program as it is built and committed.
const BUILT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../artifact/cyxwiz_escrow.so");

/// A chain with the program, a mint, and everybody's money.
#[derive(Clone)]
pub struct World {
    /// The chain.
    pub svm: LiteSVM,
    /// The program on it.
    pub program: Program,
    /// A mint like USDC, with somebody who can freeze.
    pub mint: Address,
    /// Everybody.
    pub cast: Rc<Cast>,
    /// What a ledger looks at: to derive it takes longer than all else in a test.
    pub(crate) watched: OnceCell<Rc<[Address]>>,
}

impl World {
    /// The program is deployed, nothing else happened.
    pub fn bare() -> Self {
        Self::bare_at(Address::new_from_array([42; 32]))
    }

    /// The program is deployed at this address, nothing else happened.
    pub fn bare_at(id: Address) -> Self {
        let path = std::env::var("CYXWIZ_ESCROW_ELF").unwrap_or_else(|_| BUILT.to_owned());
        let elf = std::fs::read(&path).unwrap_or_else(|error| panic!("no program at {path}: {error}"));
        let cast = Cast::new();
        let program = Program { id };
        let mut svm = LiteSVM::new();
        svm.add_program(program.id, &elf).expect("the program loads");
        for key in cast.all() {
            svm.airdrop(&key.pubkey(), 100_000_000_000).expect("an airdrop");
        }
        let mint = Address::new_from_array([43; 32]);
        let mut world = Self { svm, program, mint, cast: Rc::new(cast), watched: OnceCell::new() };
        world.name_deployer();
        world.put(mint, TOKEN_PROGRAM, mint_data(Some(Address::new_from_array([44; 32]))));
        for key in world.cast.clone().all() {
            let owner = key.pubkey();
            world.put(world.wallet(&owner), TOKEN_PROGRAM, token_data(&mint, &owner, 1_000_000_000_000));
        }
        world.at(START);
        world
    }

    /// The configuration is there as well: 10 % fee, SOL and the mint on the list.
    pub fn new() -> Self {
        let mut world = Self::bare();
        let admin = world.cast.admin.pubkey();
        let init = world.init();
        let sol = world.program.set_mint(admin, NATIVE, true);
        let usdc = world.program.set_mint(admin, world.mint, true);
        world.send(&[init, sol, usdc]).expect("a configuration");
        world
    }

    /// Somebody else buys from now on, who has money of both kinds.
    pub fn new_buyer(&mut self, key: Keypair) {
        let owner = key.pubkey();
        self.cast = Rc::new(Cast::with_buyer(key));
        self.watched = OnceCell::new();
        self.svm.airdrop(&owner, 100_000_000_000).expect("an airdrop");
        self.put(self.wallet(&owner), TOKEN_PROGRAM, token_data(&self.mint, &owner, 1_000_000_000_000));
    }

    /// LiteSVM deploys without an upgrade authority: name one, as the loader would write it.
    fn name_deployer(&mut self) {
        let address = self.program.data();
        let mut data = self.svm.get_account(&address).expect("the program's data");
        data.data[12] = 1;
        data.data[13..45].copy_from_slice(self.cast.deployer.pubkey().as_array());
        assert_eq!(data.owner, LOADER);
        self.svm.set_account(address, data).expect("set");
    }

    /// Sets the clock.
    pub fn at(&mut self, time: i64) {
        let clock = Clock { unix_timestamp: time, ..self.svm.get_sysvar() };
        self.svm.set_sysvar(&clock);
    }

    /// Puts an account onto the chain, whatever stood there.
    pub fn put(&mut self, address: Address, owner: Address, data: Vec<u8>) {
        let lamports = self.svm.minimum_balance_for_rent_exemption(data.len());
        let account = Account { lamports, data, owner, executable: false, rent_epoch: u64::MAX };
        self.svm.set_account(address, account).expect("set");
    }

    /// Takes an account off the chain.
    pub fn remove(&mut self, address: Address) {
        let nothing = Account { lamports: 0, owner: SYSTEM_PROGRAM, ..Account::default() };
        self.svm.set_account(address, nothing).expect("set");
    }

    /// An account's data; nothing where there is none.
    pub fn data(&self, address: &Address) -> Option<Vec<u8>> {
        let account = self.svm.get_account(address)?;
        (account.owner == self.program.id || account.owner == TOKEN_PROGRAM).then_some(account.data)
    }

    /// Somebody's token account of the mint.
    pub fn wallet(&self, owner: &Address) -> Address {
        let seeds: [&[u8]; 3] = [b"wallet", owner.as_array(), self.mint.as_array()];
        Address::find_program_address(&seeds, &TOKEN_PROGRAM).0
    }

    /// The buyer's purse of SOL or tokens.
    pub fn purse(&self, owner: &Address, mint: &Address) -> Purse {
        if *mint == NATIVE { Purse::Sol } else { Purse::Tokens { mint: *mint, account: self.wallet(owner) } }
    }

    /// The configuration.
    pub fn config(&self) -> ConfigAccount {
        ConfigAccount::decode(&self.data(&self.program.config()).expect("a configuration")).expect("decodes")
    }

    /// A balance.
    pub fn balance(&self, owner: &Address, mint: &Address) -> Option<BalanceAccount> {
        let data = self.data(&self.program.balance(owner, mint))?;
        Some(BalanceAccount::decode(&data).expect("decodes"))
    }

    /// An escrow.
    pub fn escrow(&self, buyer: &Address, job: JobId) -> Option<EscrowAccount> {
        let data = self.data(&self.program.escrow(buyer, job))?;
        Some(EscrowAccount::decode(&data).expect("decodes"))
    }

    /// An order as most tests want it.
    pub fn order(&self, job: u8) -> Order {
        Order {
            job: JobId([job; 16]),
            deposit: Amount(DEPOSIT),
            limit: Amount(3 * DEPOSIT),
            expire_at: UnixTime(START + LIFE),
            config_version: ConfigVersion(1),
        }
    }

    /// The first assignment.
    pub fn first(&self) -> Epoch {
        Epoch(1)
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}
