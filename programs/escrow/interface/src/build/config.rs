use alloc::vec;

use cyxwiz_escrow_policy::BasisPoints;
use solana_address::Address;
use solana_instruction::Instruction as Built;

use super::{Program, built, paying, read, signer, written};
use crate::{Instruction, SYSTEM_PROGRAM};

impl Program {
    /// Creates the configuration. `authority` is the program's upgrade authority, `payer` pays the rent.
    #[must_use]
    pub fn init(
        &self,
        payer: Address,
        authority: Address,
        [admin, settle_key, treasury]: [Address; 3],
        fee: BasisPoints,
    ) -> Built {
        let accounts = vec![
            paying(payer),
            signer(authority),
            written(self.config()),
            read(self.data()),
            read(SYSTEM_PROGRAM),
        ];
        built(self, accounts, &Instruction::Init { admin, settle_key, treasury, fee })
    }

    /// Names the next admin; the zero address takes the proposal back.
    #[must_use]
    pub fn propose_admin(&self, admin: Address, next: Address) -> Built {
        self.by_admin(admin, &Instruction::ProposeAdmin(next))
    }

    /// Becomes admin.
    #[must_use]
    pub fn accept_admin(&self, pending: Address) -> Built {
        self.by_admin(pending, &Instruction::AcceptAdmin)
    }

    /// Sets the settle key of escrows to come; `revoke` takes it away from those that are there.
    #[must_use]
    pub fn set_settle_key(&self, admin: Address, key: Address, revoke: bool) -> Built {
        self.by_admin(admin, &Instruction::SetSettleKey { key, revoke })
    }

    /// Sets the treasury of escrows to come.
    #[must_use]
    pub fn set_treasury(&self, admin: Address, treasury: Address) -> Built {
        self.by_admin(admin, &Instruction::SetTreasury(treasury))
    }

    /// Sets the fee of escrows to come.
    #[must_use]
    pub fn set_fee(&self, admin: Address, fee: BasisPoints) -> Built {
        self.by_admin(admin, &Instruction::SetFee(fee))
    }

    /// Puts a mint on the list or takes it off.
    #[must_use]
    pub fn set_mint(&self, admin: Address, mint: Address, allowed: bool) -> Built {
        let accounts = vec![signer(admin), written(self.config()), read(mint)];
        built(self, accounts, &Instruction::SetMint { allowed })
    }

    /// Stops or resumes deposits and opens.
    #[must_use]
    pub fn set_paused(&self, admin: Address, paused: bool) -> Built {
        self.by_admin(admin, &Instruction::SetPaused(paused))
    }

    fn by_admin(&self, admin: Address, instruction: &Instruction) -> Built {
        built(self, vec![signer(admin), written(self.config())], instruction)
    }
}
