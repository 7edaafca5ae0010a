//! The rules against a model that was written from the tables of `README.md`, not from the code: the model keeps
//! coins in places and counts with 128 bits.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends where its assumption does")]

mod chance;
mod histories;
mod lifecycle;
mod model;
mod settings;
mod split;
mod step;
