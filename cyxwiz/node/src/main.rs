//! The `cyxwiz-node` binary.

fn main() {}
