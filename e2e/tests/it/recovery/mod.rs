//! What a node remembers: kills at random points, restarts, and what is told after.

mod ahead;
mod full;
mod left;
mod no_room;
mod restarts;
mod storm;
mod sync;
mod workload;
