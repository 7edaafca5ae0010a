//! Hostile artifacts and callers, and the neighbours that never notice.

mod cancel;
mod code;
mod compile;
mod limits;
mod modules;
mod neighbours;
mod oci;
mod queue;
mod trust;
