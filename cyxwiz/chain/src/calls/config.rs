//! What upgrade authority and admin may ask for.

use cyxwiz_escrow_interface::Address;
use cyxwiz_escrow_interface::policy::BasisPoints;

use super::Contract;
use crate::draft::Draft;
use cyxwiz_model::Coin;

impl Contract {
    /// Creates the configuration; `authority` is the program's upgrade authority, `people` are admin, settle key and
    /// treasury.
    #[must_use]
    pub fn init(&self, payer: Address, authority: Address, people: [Address; 3], fee: BasisPoints) -> Draft {
        Draft::of(payer, self.program.init(payer, authority, people, fee))
    }

    /// Names the next admin; the zero address takes the proposal back.
    #[must_use]
    pub fn propose_admin(&self, admin: Address, next: Address) -> Draft {
        Draft::of(admin, self.program.propose_admin(admin, next))
    }

    /// Becomes admin.
    #[must_use]
    pub fn accept_admin(&self, pending: Address) -> Draft {
        Draft::of(pending, self.program.accept_admin(pending))
    }

    /// Sets the settle key of escrows to come; `revoke` takes it away from those that are there.
    #[must_use]
    pub fn set_settle_key(&self, admin: Address, key: Address, revoke: bool) -> Draft {
        Draft::of(admin, self.program.set_settle_key(admin, key, revoke))
    }

    /// Sets the treasury of escrows to come.
    #[must_use]
    pub fn set_treasury(&self, admin: Address, treasury: Address) -> Draft {
        Draft::of(admin, self.program.set_treasury(admin, treasury))
    }

    /// Sets the fee of escrows to come.
    #[must_use]
    pub fn set_fee(&self, admin: Address, fee: BasisPoints) -> Draft {
        Draft::of(admin, self.program.set_fee(admin, fee))
    }

    /// Allows a coin, or takes it off the list.
    #[must_use]
    pub fn set_coin(&self, admin: Address, coin: Coin, allowed: bool) -> Draft {
        Draft::of(admin, self.program.set_mint(admin, self.mint(coin), allowed))
    }

    /// Stops or resumes deposits and opens.
    #[must_use]
    pub fn set_paused(&self, admin: Address, paused: bool) -> Draft {
        Draft::of(admin, self.program.set_paused(admin, paused))
    }
}
