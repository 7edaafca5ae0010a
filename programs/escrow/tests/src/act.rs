use cyxwiz_escrow_interface::build::{Closed, Paid};
use cyxwiz_escrow_interface::policy::{Amount, BasisPoints, Charge, Epoch, JobId};
use cyxwiz_escrow_interface::{Address, NATIVE};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_signer::Signer;

use crate::World;

/// Which money a test plays with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Money {
    /// Native SOL.
    Sol,
    /// The world's mint.
    Usdc,
}

impl Money {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Sol, Self::Usdc];
}

/// Instructions as they should be, of the buyer with the settle key.
impl World {
    /// The first configuration: 10 % fee.
    pub fn init(&self) -> Instruction {
        let cast = &self.cast;
        let keys = [&cast.admin, &cast.settler, &cast.treasury].map(Keypair::pubkey);
        self.program.init(cast.bank.pubkey(), cast.deployer.pubkey(), keys, BasisPoints(1_000))
    }

    /// The mint that the program counts by.
    pub fn mint_of(&self, money: Money) -> Address {
        if money == Money::Sol { NATIVE } else { self.mint }
    }

    /// The buyer deposits.
    pub fn deposit(&self, money: Money, amount: u64) -> Instruction {
        let buyer = self.cast.buyer.pubkey();
        self.program.deposit(buyer, self.purse(&buyer, &self.mint_of(money)), Amount(amount))
    }

    /// The buyer withdraws.
    pub fn withdraw(&self, money: Money, amount: u64) -> Instruction {
        let buyer = self.cast.buyer.pubkey();
        self.program.withdraw(buyer, self.purse(&buyer, &self.mint_of(money)), Amount(amount))
    }

    /// The buyer ends his balance.
    pub fn close_balance(&self, money: Money) -> Instruction {
        let buyer = self.cast.buyer.pubkey();
        self.program.close_balance(buyer, self.purse(&buyer, &self.mint_of(money)))
    }

    /// The buyer opens an escrow, the sponsor pays its rent.
    pub fn open(&self, money: Money, job: u8) -> Instruction {
        let (buyer, sponsor) = (self.cast.buyer.pubkey(), self.cast.sponsor.pubkey());
        self.program.open(buyer, sponsor, self.mint_of(money), self.order(job))
    }

    /// The settle key assigns the job to the node.
    pub fn assign(&self, job: u8, epoch: u32) -> Instruction {
        let escrow = self.escrow_address(job);
        self.program.assign(self.cast.settler.pubkey(), escrow, self.cast.node.pubkey(), Epoch(epoch))
    }

    /// The settle key tops up.
    pub fn top_up(&self, money: Money, job: u8, amount: u64) -> Instruction {
        let closed = self.closed(money, job);
        self.program.top_up(self.cast.settler.pubkey(), closed.balance, closed.escrow, Amount(amount))
    }

    /// The settle key settles, to the node and the treasury.
    pub fn settle(&self, money: Money, job: u8, charged: u64, epoch: u32) -> Instruction {
        let (node, treasury) = (self.cast.node.pubkey(), self.cast.treasury.pubkey());
        let paid = match money {
            Money::Sol => Paid::Sol { payee: node, treasury },
            Money::Usdc => Paid::Tokens { payee: self.wallet(&node), treasury: self.wallet(&treasury) },
        };
        let charge = Charge { charged: Amount(charged), epoch: Epoch(epoch) };
        self.program.settle(self.cast.settler.pubkey(), self.closed(money, job), paid, charge)
    }

    /// The settle key refunds.
    pub fn refund(&self, money: Money, job: u8) -> Instruction {
        self.program.refund(self.cast.settler.pubkey(), self.closed(money, job))
    }

    /// The buyer cancels.
    pub fn cancel(&self, money: Money, job: u8) -> Instruction {
        self.program.cancel(self.cast.buyer.pubkey(), self.closed(money, job))
    }

    /// Somebody expires.
    pub fn expire(&self, money: Money, job: u8) -> Instruction {
        self.program.expire(self.closed(money, job))
    }

    /// Where the buyer's escrow for a job stands.
    pub fn escrow_address(&self, job: u8) -> Address {
        self.program.escrow(&self.cast.buyer.pubkey(), JobId([job; 16]))
    }

    /// The accounts that every end of an escrow touches.
    pub fn closed(&self, money: Money, job: u8) -> Closed {
        Closed {
            balance: self.program.balance(&self.cast.buyer.pubkey(), &self.mint_of(money)),
            escrow: self.escrow_address(job),
            rent_payer: self.cast.sponsor.pubkey(),
        }
    }
}
