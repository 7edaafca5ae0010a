//! Attacks. Each first succeeds in an unhardened container, which proves it real, and is then held by ours: the job
//! fails as it should, and the engine runs the next one.

/// A script of `tests/attacks`, which the market's own tests run as paid jobs, too.
macro_rules! attack {
    ($name:literal) => {
        include_str!(concat!("../../attacks/", $name, ".py"))
    };
}

mod files;
mod kernel;
mod resources;
mod signals;
