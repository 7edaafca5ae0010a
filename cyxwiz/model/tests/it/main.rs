//! The market's rules against the escrow's: what the meter says is what the chain would move.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends where its assumption does")]

#[path = "../../../../programs/escrow/policy/tests/policy/chance.rs"]
mod chance;
mod settlements;
