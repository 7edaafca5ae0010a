//! A signed transaction as an outbox keeps it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use solana_signature::{SIGNATURE_BYTES, Signature};

use crate::send::BlockHeight;

/// Signed bytes, and until when they may land. The signature is known before anything is sent; the same bytes may
/// be sent any number of times and land at most once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Row", into = "Row")]
pub struct Signed {
    wire: Vec<u8>,
    last_valid: BlockHeight,
}

/// Why bytes are no signed transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignedError {
    /// Not even base64.
    #[error("the transaction is not base64")]
    NoBase64,
    /// No signature in front.
    #[error("the transaction begins with no signature")]
    NoSignature,
}

/// How it is written into a row or a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    transaction: String,
    last_valid_block_height: u64,
}

impl Signed {
    /// These bytes.
    ///
    /// # Errors
    /// [`SignedError::NoSignature`]
    pub fn new(wire: Vec<u8>, last_valid: BlockHeight) -> Result<Self, SignedError> {
        let signed = Self { wire, last_valid };
        if signed.signature() == Signature::default() { Err(SignedError::NoSignature) } else { Ok(signed) }
    }

    /// The first one, by which the chain knows the transaction.
    #[must_use]
    pub fn signature(&self) -> Signature {
        self.signatures().next().unwrap_or_default()
    }

    /// All of them.
    pub fn signatures(&self) -> impl Iterator<Item = Signature> + '_ {
        let (count, rest) = self.wire.split_first().unwrap_or((&0, &[]));
        // one byte counts up to 127; no transaction that fits a packet has more
        let count = if *count < 128 { usize::from(*count) } else { 0 };
        let (chunks, _) = rest.as_chunks::<SIGNATURE_BYTES>();
        chunks.iter().take(count).map(|bytes| Signature::from(*bytes))
    }

    /// The bytes that are sent.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// The last block that may hold it.
    #[must_use]
    pub fn last_valid(&self) -> BlockHeight {
        self.last_valid
    }

    /// The bytes as RPC and wallets take them.
    #[must_use]
    pub fn to_base64(&self) -> String {
        BASE64_STANDARD.encode(&self.wire)
    }
}

impl From<Signed> for Row {
    fn from(signed: Signed) -> Self {
        Self { transaction: signed.to_base64(), last_valid_block_height: signed.last_valid.0 }
    }
}

impl TryFrom<Row> for Signed {
    type Error = SignedError;

    fn try_from(row: Row) -> Result<Self, Self::Error> {
        let wire = BASE64_STANDARD.decode(row.transaction).map_err(|_| SignedError::NoBase64)?;
        Self::new(wire, BlockHeight(row.last_valid_block_height))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_row_is_read_as_it_was_written() {
        let mut wire = vec![2];
        wire.extend_from_slice(&[3; 128]);
        wire.extend_from_slice(b"message");
        let signed = Signed::new(wire, BlockHeight(9)).unwrap();
        assert_eq!(signed.signatures().count(), 2);
        let row = serde_json::to_string(&signed).unwrap();
        assert_eq!(serde_json::from_str::<Signed>(&row).unwrap(), signed);
        assert!(serde_json::from_str::<Signed>(&row.replace("transaction", "tx")).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(wire: Vec<u8>) {
            if let Ok(signed) = Signed::new(wire, BlockHeight(0)) {
                prop_assert_ne!(signed.signature(), Signature::default());
            }
        }
    }
}
