use std::fmt;

use ed25519_dalek::{
    Signer as _, SigningKey, VerifyingKey,
    pkcs8::{
        DecodePrivateKey as _, DecodePublicKey as _, EncodePublicKey as _, KeypairBytes,
        spki::der::pem::LineEnding,
    },
};

/// A raw detached Ed25519 signature (RFC 8032): the 64 bytes that
/// `openssl pkeyutl -sign -rawin` makes over the exact manifest bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; Self::LEN]);

/// A public Ed25519 key that is no weak point of the curve.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// A private Ed25519 key. Its memory is wiped when it is dropped.
pub struct SecretKey(SigningKey);

/// The bytes are no signature, or no key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyError {
    /// The signature has the wrong length.
    #[error("a signature is 64 bytes, not {0}: pass the raw Ed25519 signature, not base64 or hex")]
    SignatureLength(usize),
    /// The text holds no Ed25519 public key.
    #[error("no Ed25519 public key: pass a PEM file that begins `-----BEGIN PUBLIC KEY-----` (SPKI)")]
    PublicPem,
    /// The text holds no Ed25519 private key.
    #[error("no Ed25519 private key: pass a PEM file that begins `-----BEGIN PRIVATE KEY-----` (PKCS #8)")]
    SecretPem,
    /// The bytes are no point of the curve, or one under which anybody can sign.
    #[error("a weak or malformed Ed25519 public key: make a new key pair")]
    WeakKey,
}

impl Signature {
    /// The length of a signature in bytes.
    pub const LEN: usize = 64;

    /// Wraps 64 raw bytes.
    ///
    /// # Errors
    /// [`KeyError::SignatureLength`] when there are more or fewer.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, KeyError> {
        bytes.try_into().map(Self).map_err(|_| KeyError::SignatureLength(bytes.len()))
    }

    /// Returns the 64 raw bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl PublicKey {
    /// The length of a raw public key in bytes.
    pub const LEN: usize = 32;

    /// Wraps a raw public key.
    ///
    /// # Errors
    /// [`KeyError::WeakKey`] when it is no point of the curve, or one of small order.
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Result<Self, KeyError> {
        VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::WeakKey).and_then(Self::strong)
    }

    /// Reads a public key in SPKI PEM, as `openssl pkey -pubout` writes it.
    ///
    /// # Errors
    /// When the text is something else, or the key is weak.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        VerifyingKey::from_public_key_pem(pem.trim_ascii_start())
            .map_err(|_| KeyError::PublicPem)
            .and_then(Self::strong)
    }

    fn strong(key: VerifyingKey) -> Result<Self, KeyError> {
        if key.is_weak() { Err(KeyError::WeakKey) } else { Ok(Self(key)) }
    }

    /// Writes the key in SPKI PEM.
    ///
    /// # Errors
    /// [`KeyError::PublicPem`], which a valid key does not cause.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        self.0.to_public_key_pem(LineEnding::LF).map_err(|_| KeyError::PublicPem)
    }

    /// Returns the 32 raw bytes.
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        self.0.as_bytes()
    }

    /// Tells whether `signature` was made over exactly `message` by this key. Strict: malleable
    /// encodings and points of small order are refused.
    pub fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature.as_bytes());
        self.0.verify_strict(message, &signature).is_ok()
    }
}

impl SecretKey {
    /// Makes the key pair of a 32-byte random seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads a private key in PKCS #8 PEM, as `openssl genpkey -algorithm ed25519` writes it.
    ///
    /// # Errors
    /// [`KeyError::SecretPem`] when the text is something else.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        SigningKey::from_pkcs8_pem(pem.trim_ascii_start()).map(Self).map_err(|_| KeyError::SecretPem)
    }

    /// Writes the key in PKCS #8 PEM, in the first version of that format: openssl 3.0 reads no other.
    ///
    /// # Errors
    /// [`KeyError::SecretPem`], which a valid key does not cause.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        use ed25519_dalek::pkcs8::EncodePrivateKey as _;
        let bytes = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        bytes.to_pkcs8_pem(LineEnding::LF).map(|pem| pem.to_string()).map_err(|_| KeyError::SecretPem)
    }

    /// Returns the public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs exactly `message`.
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.public())
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", hex::encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pem_round_trips() {
        let key = SecretKey::from_seed(&[7; 32]);
        let again = SecretKey::from_pem(&key.to_pem().unwrap()).unwrap();
        assert_eq!(key.public(), again.public());
        assert_eq!(PublicKey::from_pem(&key.public().to_pem().unwrap()), Ok(key.public()));
    }

    #[test]
    fn the_wrong_half_and_garbage_are_refused_with_the_form_to_pass() {
        let key = SecretKey::from_seed(&[7; 32]);
        assert_eq!(PublicKey::from_pem(&key.to_pem().unwrap()), Err(KeyError::PublicPem));
        assert!(matches!(SecretKey::from_pem(&key.public().to_pem().unwrap()), Err(KeyError::SecretPem)));
        assert_eq!(Signature::from_slice(&[0; 63]), Err(KeyError::SignatureLength(63)));
    }

    #[test]
    fn a_key_of_small_order_is_refused() {
        // the neutral element: any signature with R = [s]B verifies loosely under it
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(PublicKey::from_bytes(&identity), Err(KeyError::WeakKey));
    }

    #[test]
    fn a_secret_key_never_prints_itself() {
        let key = SecretKey::from_seed(&[7; 32]);
        assert!(!format!("{key:?}").contains(&hex::encode([7; 32])));
    }
}
