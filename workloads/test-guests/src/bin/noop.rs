//! Does nothing and succeeds.

fn main() {}
