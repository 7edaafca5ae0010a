//! The Central Server: signs buyers and nodes in, keeps jobs and files, matches, meters, pays.
//!
//! ```text
//! listen ─► layers: span, drain, limits, caller ─► Connect services ─┐
//!                                              └─► /files (tus)     ─┴─► Ground: Db, Clock, Files, Config, Drain
//!                                                                          │
//!                              private PostgreSQL, or DATABASE_URL  ◄──────┘──► object store
//! ```
//! A service takes a [`Ground`] and is added in [`router`]; a task that runs beside the calls is added in
//! [`background`]. Every server of a database is the equal of the others: nothing is remembered here alone.

pub mod auth;
pub mod background;
pub mod backup;
pub mod caller;
pub mod cli;
pub mod clock;
pub mod config;
pub mod db;
pub mod drain;
pub mod error;
pub mod files;
pub mod ground;
pub mod jobs;
pub mod limits;
mod listen;
pub mod market;
pub mod matching;
pub mod metrics;
pub mod nodes;
pub mod payments;
pub mod platform;
pub mod postgres;
pub mod refusal;
pub mod router;
pub mod serve;
pub mod traces;
pub mod verify;
pub mod watch;
pub mod wire;

pub use caller::{Buyer, Caller, NodeCaller};
pub use clock::Clock;
pub use config::Config;
pub use db::Db;
pub use drain::Drain;
pub use error::ServerError;
pub use files::Files;
pub use ground::Ground;
pub use refusal::Refusal;
