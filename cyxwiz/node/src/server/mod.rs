//! The market's server as the node sees it.
//!
//! ```text
//! Server ─┬─ calls (Connect over HTTP/2) ─► session (SIWS by the identity key, renewed by itself)
//!         └─ http (files: links, tus)     ─► crate::files
//! ```

mod calls;
mod client;
mod fault;
mod kept;
mod session;
mod siws;
mod tls;

pub(crate) use client::Server;
pub(crate) use fault::{Fault, Next};
pub(crate) use tls::client_config as tls_config;
