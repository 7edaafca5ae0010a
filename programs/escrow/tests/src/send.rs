use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cyxwiz_escrow_interface::{Address, EscrowError, Event};
use litesvm::types::{FailedTransactionMetadata, TransactionMetadata};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_message::Message;
use solana_signer::Signer;
use solana_transaction::Transaction;
use solana_transaction_error::TransactionError;

use crate::World;

/// What a transaction that went through has to say.
#[derive(Debug)]
pub struct Receipt {
    /// Compute units.
    pub units: u64,
    /// The program's events.
    pub events: Vec<Event>,
}

/// Why a transaction did not go through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The escrow program refused.
    Refused(EscrowError),
    /// Anything else.
    Else(String),
}

/// What became of a transaction.
pub type Sent = Result<Receipt, Failure>;

impl World {
    /// Sends instructions, signed by whoever of the cast must sign.
    pub fn send(&mut self, instructions: &[Instruction]) -> Sent {
        let signers: Vec<Address> = instructions
            .iter()
            .flat_map(|one| &one.accounts)
            .filter(|meta| meta.is_signer)
            .map(|meta| meta.pubkey)
            .collect();
        let mut keys: Vec<&Keypair> = vec![&self.cast.bank];
        for address in signers {
            let key = self.cast.find(&address).expect("somebody of the cast");
            if keys.iter().all(|have| have.pubkey() != address) {
                keys.push(key);
            }
        }
        let message = Message::new(instructions, Some(&self.cast.bank.pubkey()));
        let transaction = Transaction::new(&keys, message, self.svm.latest_blockhash());
        let result = self.svm.send_transaction(transaction);
        // The next transaction may be the same one: it must not look like a copy of this.
        self.svm.expire_blockhash();
        result.map(|meta| receipt(&meta)).map_err(|failed| failure(&failed))
    }
}

fn receipt(meta: &TransactionMetadata) -> Receipt {
    let events = meta
        .logs
        .iter()
        .filter_map(|line| line.strip_prefix("Program data: "))
        .map(|text| Event::decode(&STANDARD.decode(text).expect("base64")).expect("an event"))
        .collect();
    Receipt { units: meta.compute_units_consumed, events }
}

fn failure(failed: &FailedTransactionMetadata) -> Failure {
    if let TransactionError::InstructionError(_, error) = &failed.err
        && let Some(code) = custom(&format!("{error:?}"))
        && let Some(error) = EscrowError::from_code(code)
    {
        return Failure::Refused(error);
    }
    Failure::Else(format!("{:?}: {}", failed.err, failed.meta.logs.join("; ")))
}

/// Instruction errors come from a crate of another version than ours: by their text.
fn custom(text: &str) -> Option<u32> {
    text.strip_prefix("Custom(")?.strip_suffix(')')?.parse().ok()
}
