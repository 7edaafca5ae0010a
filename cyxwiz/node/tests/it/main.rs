//! The real binary with its embedded VYR node, against a scripted server that speaks the real protocol.

mod cli;
mod containers;
mod faults;
mod files;
mod guest;
mod market;
mod node;
mod restart;
mod rpc;
mod wasm;
