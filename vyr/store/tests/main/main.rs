//! The store against real files, real processes and the real tools that share its formats.

mod aot;
mod artifact;
mod fixture;
