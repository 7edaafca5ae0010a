use cyxwiz_escrow_policy::JobId;
use solana_address::Address;

use crate::{LOADER, NATIVE, seeds};

/// One deployed program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its address.
    pub id: Address,
}

impl Program {
    /// Where its configuration stands.
    #[must_use]
    pub fn config(&self) -> Address {
        self.derive(&[seeds::CONFIG]).0
    }

    /// Where an owner's balance of a mint stands.
    #[must_use]
    pub fn balance(&self, owner: &Address, mint: &Address) -> Address {
        self.derive(&[seeds::BALANCE, owner.as_array(), mint.as_array()]).0
    }

    /// Where a balance's tokens lie.
    #[must_use]
    pub fn vault(&self, balance: &Address) -> Address {
        self.derive(&[seeds::VAULT, balance.as_array()]).0
    }

    /// Where money of `mint` lies: in the balance itself for SOL, in its vault for tokens.
    #[must_use]
    pub fn purse(&self, owner: &Address, mint: &Address) -> Address {
        let balance = self.balance(owner, mint);
        if *mint == NATIVE { balance } else { self.vault(&balance) }
    }

    /// Where a job's escrow stands.
    #[must_use]
    pub fn escrow(&self, buyer: &Address, job: JobId) -> Address {
        self.derive(&[seeds::ESCROW, buyer.as_array(), &job.0]).0
    }

    /// Where the upgradeable loader keeps this program's code and the name of its upgrade authority.
    #[must_use]
    pub fn data(&self) -> Address {
        Address::find_program_address(&[self.id.as_array()], &LOADER).0
    }

    fn derive(&self, seeds: &[&[u8]]) -> (Address, u8) {
        Address::find_program_address(seeds, &self.id)
    }
}
