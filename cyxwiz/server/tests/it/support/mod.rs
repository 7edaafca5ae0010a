//! A world: a private PostgreSQL, servers on it, callers.

mod certificates;
mod collector;
mod market;
mod template;
mod tus;
mod world;

pub(crate) use certificates::Authority;
pub(crate) use collector::{Collector, Told, named};
pub(crate) use tus::sha256;
pub(crate) use world::{Key, Session, World, local_folder};
