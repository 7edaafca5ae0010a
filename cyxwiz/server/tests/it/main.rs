//! The server against a real PostgreSQL: each test has one of its own, with its own folder and a clock that it moves.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where its assumption does"
)]

mod admin;
mod auth;
mod backup;
mod database_tls;
mod files;
mod links;
mod market;
mod metrics;
mod migrate;
mod postgres;
mod stop;
mod support;
mod tls;
mod traces;
