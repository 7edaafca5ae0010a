//! Signing in: a message to sign, once; then a session of two tokens, of which only digests are kept.
//!
//! ```text
//! CreateChallenge ─► message (nonce) ─► VerifyChallenge: message as given, signature strict ─► Session
//!                                                                    access (15 min) ─► Caller (layer)
//!                                                                    refresh (30 days, once) ─► new pair
//! ```
//! Streams hold their session ([`HeldSessions`]): one that ends takes them with it.

mod challenge;
mod expiry;
mod held;
mod layer;
mod service;
mod session;
mod signature;
mod token;

pub use challenge::{Challenge, Role};
pub(crate) use expiry::sweep;
pub(crate) use held::LOOK as LOOK_AT_HELD;
pub use held::{HeldSession, HeldSessions};
pub(crate) use layer::{bearer, caller};
pub use service::Auth;
pub(crate) use token::random;
pub use token::{Secret, Token};
