//! What is written is read again as it was, and nothing else is read.

mod accounts;
mod errors;
mod messages;
