//! Moving money, once the policy has said how much to whom.
//!
//! Other programs are called first; lamports of this program's accounts move after that, and closing comes last,
//! so that no call sees accounts whose lamports do not add up.

mod lamports;
mod purse;
mod tokens;

pub(crate) use lamports::{close, pay};
pub(crate) use purse::{Vault, sol_holds, tokens_hold};
pub(crate) use tokens::{close_vault, create_vault, send_tokens};
