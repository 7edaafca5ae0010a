use cyxwiz_chain::escrow::Address;
use ed25519_dalek::{Signature, VerifyingKey};

/// Whether `signature` is the address's own over exactly these bytes. Strict: each message and key have one form of
/// a signature, and keys that sign for everything are refused.
pub(super) fn holds(address: &Address, message: &[u8], signature: &[u8]) -> bool {
    let Ok(key) = VerifyingKey::from_bytes(&address.to_bytes()) else { return false };
    let Ok(signature) = Signature::from_slice(signature) else { return false };
    key.verify_strict(message, &signature).is_ok()
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    /// The order of the curve's group, little-endian.
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];

    #[test]
    fn only_the_exact_signature_holds() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let address = Address::from(key.verifying_key().to_bytes());
        let signature = key.sign(b"text").to_bytes();
        assert!(holds(&address, b"text", &signature));
        assert!(!holds(&address, b"texT", &signature));
        assert!(!holds(&address, b"text", &signature[..63]));
        let other = Address::from(SigningKey::from_bytes(&[8; 32]).verifying_key().to_bytes());
        assert!(!holds(&other, b"text", &signature));
    }

    #[test]
    fn a_second_form_of_the_same_signature_does_not_hold() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let address = Address::from(key.verifying_key().to_bytes());
        let mut signature = key.sign(b"text").to_bytes();
        let mut carry = 0_u16;
        for (byte, order) in signature[32..].iter_mut().zip(L) {
            let sum = u16::from(*byte) + u16::from(order) + carry;
            *byte = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        assert!(!holds(&address, b"text", &signature));
    }

    #[test]
    fn a_key_of_small_order_signs_nothing() {
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        assert!(!holds(&Address::from(identity), b"text", &signature));
    }
}
