//! What is written is read again as it was, and nothing else is read.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends where its assumption does")]

mod accounts;
mod errors;
mod messages;
