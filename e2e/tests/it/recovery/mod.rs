//! What a node remembers: kills at random points, restarts, and what is told after.

mod ahead;
mod full;
mod left;
mod no_room;
mod order;
mod restarts;
mod shim;
mod storm;
mod sync;
mod workload;
