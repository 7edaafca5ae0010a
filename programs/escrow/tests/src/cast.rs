use cyxwiz_escrow_interface::Address;
use solana_keypair::Keypair;
use solana_signer::Signer;

/// Everybody who plays. Their keys are always the same, so that bumps, and with them costs, are too.
pub struct Cast {
    /// Pays the fees of all transactions, so that they disturb no count.
    pub bank: Keypair,
    /// May replace the program.
    pub deployer: Keypair,
    /// May change the configuration.
    pub admin: Keypair,
    /// Assigns and settles.
    pub settler: Keypair,
    /// Gets the fee.
    pub treasury: Keypair,
    /// Buys.
    pub buyer: Keypair,
    /// Pays the rent of the buyer's escrows.
    pub sponsor: Keypair,
    /// Is paid.
    pub node: Keypair,
    /// Would be paid if the job moved.
    pub other_node: Keypair,
    /// Has no business here.
    pub stranger: Keypair,
}

impl Cast {
    pub(crate) fn new() -> Self {
        let key = |n: u8| Keypair::new_from_array([n; 32]);
        Self {
            bank: key(1),
            deployer: key(2),
            admin: key(3),
            settler: key(4),
            treasury: key(5),
            buyer: key(6),
            sponsor: key(7),
            node: key(8),
            other_node: key(9),
            stranger: key(10),
        }
    }

    /// The same people with another buyer.
    pub fn with_buyer(buyer: Keypair) -> Self {
        Self { buyer, ..Self::new() }
    }

    /// All of them.
    pub fn all(&self) -> [&Keypair; 10] {
        [
            &self.bank,
            &self.deployer,
            &self.admin,
            &self.settler,
            &self.treasury,
            &self.buyer,
            &self.sponsor,
            &self.node,
            &self.other_node,
            &self.stranger,
        ]
    }

    /// Who has this address.
    pub fn find(&self, address: &Address) -> Option<&Keypair> {
        self.all().into_iter().find(|key| key.pubkey() == *address)
    }
}
