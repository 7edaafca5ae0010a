//! Attacks. Each first succeeds in an unhardened container, which proves it real, and is then held by ours: the job
//! fails as it should, and the engine runs the next one.

mod files;
mod kernel;
mod resources;
mod signals;
