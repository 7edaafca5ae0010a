//! Whose signatures count.
//!
//! ```text
//! <name>.pem   public key (SPKI)          ┐
//! <name>.toml  not_before, not_after,     ├─► Snapshot ─► verify(manifest, signature, now) ─► Signer | Untrusted
//!              revoked                    ┘      ▲
//!                              stat: changed? ───┘  (each question looks; a change counts at once)
//! ```

mod folder;
mod local;
mod snapshot;
mod validity;

pub use folder::{KeyInfo, TrustStore};
pub use local::{LOCAL_KEY_NAME, LocalKey, create_secret_key, load_secret_key};
pub use validity::{Signer, Untrusted, Validity};

/// What happens to an artifact that no trusted key signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TrustPolicy {
    /// It is refused at put and before each run.
    #[default]
    Require,
    /// It is accepted, with a warning in the log.
    Warn,
    /// It is accepted; signatures are not looked at.
    Off,
}
