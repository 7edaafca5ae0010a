//! Runs real guests: those of the `workloads` folder where they are built, and hand-written WAT.

mod basics;
mod support;
