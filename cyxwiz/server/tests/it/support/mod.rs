//! A world: a private PostgreSQL, servers on it, callers.

mod market;
mod template;
mod tus;
mod world;

pub(crate) use tus::{Sent, sha256};
pub(crate) use world::{Answer, Key, Session, World, local_folder};
