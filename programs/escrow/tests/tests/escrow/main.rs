//! The built program, in a chain in memory.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its assumption does"
)]

mod attacks;
mod books;
mod cases;
mod costs;
mod endings;
mod fuzz;
mod luck;
mod negative;
mod papers;
mod paths;
mod requests;
mod settings;
mod tokens;
