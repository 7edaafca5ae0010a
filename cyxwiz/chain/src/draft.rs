//! From instructions to a transaction: unsigned for a wallet, or signed here.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cyxwiz_escrow_interface::Address;
use solana_hash::Hash;
use solana_instruction::Instruction;
use solana_message::Message;
use solana_signature::Signature;
use solana_signer::Signer;

use crate::send::BlockHeight;
use crate::signed::{Signed, SignedError};

/// What fits into one packet, and so the most bytes of a transaction.
const MAX_WIRE: usize = 1232;

/// Instructions and who pays the fee for them.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// Pays the fee, and signs.
    pub payer: Address,
    /// In order; all of them happen, or none.
    pub instructions: Vec<Instruction>,
}

/// Until when a transaction may land: it names a recent block, and ages with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// The recent block.
    pub blockhash: Hash,
    /// The last block that may hold the transaction.
    pub last_valid: BlockHeight,
}

/// Why a draft does not become a transaction.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// More than a packet.
    #[error("the transaction has {0} bytes, {MAX_WIRE} fit")]
    TooLarge(usize),
    /// A signer is missing, or refuses.
    #[error("no signature of {0}")]
    NoSigner(Address),
    /// What came back from the wallet is not what it was given.
    #[error("what the wallet gave back is not what it was given to sign")]
    OtherMessage,
    /// What came back is no transaction, or not signed well.
    #[error(transparent)]
    Signed(#[from] SignedError),
}

impl Draft {
    /// One instruction.
    #[must_use]
    pub fn of(payer: Address, instruction: Instruction) -> Self {
        Self { payer, instructions: vec![instruction] }
    }

    /// This, then `next`, all or nothing. The first one's payer pays.
    #[must_use]
    pub fn then(mut self, next: Self) -> Self {
        self.instructions.extend(next.instructions);
        self
    }

    /// For a wallet to sign.
    ///
    /// # Errors
    /// [`DraftError::TooLarge`]
    pub fn unsigned(&self, lifetime: Lifetime) -> Result<Unsigned, DraftError> {
        let message = Message::new_with_blockhash(&self.instructions, Some(&self.payer), &lifetime.blockhash);
        let unsigned = Unsigned { message, last_valid: lifetime.last_valid };
        let length = unsigned.wire(&[]).len();
        if length > MAX_WIRE { Err(DraftError::TooLarge(length)) } else { Ok(unsigned) }
    }

    /// Signed here. Nothing was sent yet: record it first.
    ///
    /// # Errors
    /// Too large, or a signer is missing.
    pub fn sign(&self, lifetime: Lifetime, signers: &[&dyn Signer]) -> Result<Signed, DraftError> {
        self.unsigned(lifetime)?.sign(signers)
    }
}

/// A transaction without its signatures.
#[derive(Clone, Debug, PartialEq)]
pub struct Unsigned {
    message: Message,
    last_valid: BlockHeight,
}

impl Unsigned {
    /// Who must sign, the payer first.
    #[must_use]
    pub fn signers(&self) -> Vec<Address> {
        self.message.signer_keys().into_iter().copied().collect()
    }

    /// What is signed.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        self.message.serialize()
    }

    /// The last block that may hold it.
    #[must_use]
    pub fn last_valid(&self) -> BlockHeight {
        self.last_valid
    }

    /// The form in which wallets take it: a transaction with empty signatures, in base64.
    #[must_use]
    pub fn to_base64(&self) -> String {
        BASE64_STANDARD.encode(self.wire(&[]))
    }

    /// With the signatures of `signers`.
    ///
    /// # Errors
    /// A signer is missing or refuses.
    pub fn sign(&self, signers: &[&dyn Signer]) -> Result<Signed, DraftError> {
        let message = self.message();
        let mut signatures = Vec::new();
        for address in self.signers() {
            let signer = signers.iter().find(|signer| signer.pubkey() == address);
            let signature = signer.and_then(|signer| signer.try_sign_message(&message).ok());
            signatures.push(signature.ok_or(DraftError::NoSigner(address))?);
        }
        Ok(Signed::new(self.wire(&signatures), self.last_valid)?)
    }

    /// What a wallet gave back: the very message it was given, and every signature good.
    ///
    /// # Errors
    /// Another message, a signature missing or wrong.
    pub fn signed_by_wallet(&self, wire: Vec<u8>) -> Result<Signed, DraftError> {
        let message = self.message();
        let start = wire.len().checked_sub(message.len()).ok_or(DraftError::OtherMessage)?;
        if wire.get(start..) != Some(message.as_slice()) || start != self.wire(&[]).len() - message.len() {
            return Err(DraftError::OtherMessage);
        }
        let signed = Signed::new(wire, self.last_valid)?;
        for (address, signature) in self.signers().into_iter().zip(signed.signatures()) {
            if !signature.verify(address.as_ref(), &message) {
                return Err(DraftError::NoSigner(address));
            }
        }
        Ok(signed)
    }

    /// Count, signatures (empty where none is given), message.
    fn wire(&self, signatures: &[Signature]) -> Vec<u8> {
        let count = self.message.header.num_required_signatures;
        let mut wire = vec![count];
        for index in 0..usize::from(count) {
            let signature = signatures.get(index).copied().unwrap_or_default();
            wire.extend_from_slice(signature.as_ref());
        }
        wire.extend_from_slice(&self.message());
        wire
    }
}

#[cfg(test)]
mod tests {
    use cyxwiz_escrow_interface::build::{Program, Purse};
    use cyxwiz_escrow_interface::policy::Amount;
    use solana_keypair::Keypair;

    use super::*;

    const LIFETIME: Lifetime =
        Lifetime { blockhash: Hash::new_from_array([7; 32]), last_valid: BlockHeight(10) };

    fn draft(owner: Address) -> Draft {
        let program = Program { id: Address::new_from_array([1; 32]) };
        Draft::of(owner, program.deposit(owner, Purse::Sol, Amount(1)))
    }

    #[test]
    fn a_wallet_signs_what_it_was_given() {
        let owner = Keypair::new();
        let unsigned = draft(owner.pubkey()).unsigned(LIFETIME).unwrap();
        let here = unsigned.sign(&[&owner]).unwrap();
        let back = unsigned.signed_by_wallet(here.wire().to_vec()).unwrap();
        assert_eq!(back, here);
        assert_eq!(unsigned.signers(), [owner.pubkey()]);
    }

    #[test]
    fn the_wire_form_is_that_of_solana() {
        let owner = Keypair::new();
        let signed = draft(owner.pubkey()).sign(LIFETIME, &[&owner]).unwrap();
        let read: solana_transaction::Transaction = solana_transaction_of(signed.wire());
        assert!(signed.signature().verify(owner.pubkey().as_ref(), &read.message_data()));
        assert_eq!(read.signatures, [signed.signature()]);
    }

    fn solana_transaction_of(wire: &[u8]) -> solana_transaction::Transaction {
        wincode::deserialize(wire).unwrap()
    }

    #[test]
    fn anything_else_from_a_wallet_is_refused() {
        let (owner, thief) = (Keypair::new(), Keypair::new());
        let unsigned = draft(owner.pubkey()).unsigned(LIFETIME).unwrap();
        let good = unsigned.sign(&[&owner]).unwrap().wire().to_vec();
        let other = draft(thief.pubkey()).sign(LIFETIME, &[&thief]).unwrap().wire().to_vec();
        assert!(matches!(unsigned.signed_by_wallet(other), Err(DraftError::OtherMessage)));
        for index in 0..good.len() {
            let mut bad = good.clone();
            bad[index] ^= 1;
            assert!(unsigned.signed_by_wallet(bad).is_err(), "byte {index}");
        }
        assert!(unsigned.signed_by_wallet(good[1..].to_vec()).is_err());
        assert!(unsigned.signed_by_wallet(Vec::new()).is_err());
        assert!(matches!(unsigned.sign(&[&thief]), Err(DraftError::NoSigner(_))));
    }

    #[test]
    fn a_draft_that_fits_no_packet_is_refused() {
        let owner = Address::new_from_array([2; 32]);
        let one = draft(owner);
        let many = (0..200).fold(one.clone(), |draft, _| draft.then(one.clone()));
        assert!(matches!(many.unsigned(LIFETIME), Err(DraftError::TooLarge(_))));
    }
}
