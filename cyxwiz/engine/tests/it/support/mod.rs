mod buyer;
pub(crate) mod cli;
// the same chain as the client's own tests
#[path = "../../../../chain/tests/it/support/devnet.rs"]
#[expect(dead_code, reason = "the client's tests use the rest")]
pub(crate) mod devnet;
pub(crate) mod market;
pub(crate) mod market_end;
#[cfg(unix)]
pub(crate) mod terminal;

pub(crate) use buyer::{books, buyer};
