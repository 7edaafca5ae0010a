//! What goes to the chain, and what comes of it.
//!
//! ```text
//! a transaction that moves a job writes its row ─► worker: lease ─► look at the escrow ─► sign ─► record ─► send
//!                                                     ▲                                            │
//!                                                     └── out of time: sign anew ◄─────────────────┤
//!                                        one transaction: row landed, job moved by what the chain says ◄┘
//! ```
//! The signed bytes stand in the row before they go out, so a server that dies is followed by one that asks the chain
//! about these very bytes. Rows of a job go one after the other. Nothing is concluded from silence.

mod closed;
mod conclude;
mod draft;
mod platform;
mod rows;
mod service;
mod worker;
mod write;

pub use rows::{Kind, Row};
pub use service::Payments;
pub use worker::run;
pub use write::{write_refund, write_settle, write_top_up};
