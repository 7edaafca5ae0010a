//! The doors: a Unix socket by default, TCP with a token, TLS where it is not loopback.
//!
//! ```text
//! accept ─► (TLS) ─► guard: token, origin ─► router ─┬─ /vyr.control.v0.ControlService/…
//!   │ at most MAX_CONNECTIONS,                       ├─ /blobs/…  /tasks/…   content plane
//!   └ slow headers and bodies are cut off            └─ /traces  /metrics    SSE and NDJSON
//! ```

mod body;
mod guard;
mod serve;
mod socket;
mod tls;
mod token;

pub(crate) use guard::{Guard, refuse};
pub(crate) use serve::{Door, serve};
pub(crate) use socket::bind_unix;
pub(crate) use tls::acceptor;
pub(crate) use token::Token;
