//! The `cyxwiz-server` binary.

fn main() {}
