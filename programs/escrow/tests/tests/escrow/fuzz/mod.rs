//! Random sequences of requests: the program on the chain does what the rules say, refuses with the rule's own
//! error, and the money is where the books say. Failing sequences are made short by proptest.
//!
//! ```text
//! op (random) ─► play ─► the program in LiteSVM ─┐
//!                     └► rules ──────────────────┴─► the same?
//! ```

mod op;
mod play;
mod rules;
