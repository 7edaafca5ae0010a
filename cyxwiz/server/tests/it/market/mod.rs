//! The market from a buyer's draft to the chain's settlement: real PostgreSQL, real chain, a node that says what a
//! test wants it to say over the real protocol.

mod access;
mod bazaar;
mod books;
mod canaries;
mod crash;
mod drain;
mod failures;
mod good;
mod gpu;
mod late;
mod lies;
mod limits;
mod money;
mod node;
mod orders;
mod prices;
mod rate;
mod rerun;
mod stops;
mod streams;
mod traces;
mod treasury;
mod two;
mod work;

#[path = "../../../../chain/tests/it/support/devnet.rs"]
#[expect(dead_code, reason = "the chain's own tests use more of it")]
mod devnet;
