//! Runs one job in a locked-down container, as a VYR task.
//!
//! ```text
//! ContainerJob (JSON, the artifact's one layer) ─┐
//! RunRequest  (env, folders, limits, cancel)    ─┼─► spec ─► create, attach, start ─► watch ─► decide ─► remove
//! ContainerOptions (user, grace, caps)          ─┘     Docker Engine API │            │
//!                                                                        │            ├─► logs, live, to the sinks
//! Engine ─► egress: own bridge, rules put and read back ─────────────────┘            └─► Usage samples
//! ```
//! [`ContainerExecutor`] implements VYR's `Executor` for artifacts of kind `container`: hand it to
//! `Node::start_with`, and a container job shares artifact store, limits, lifecycle, record and trace with Wasm.
//! [`Engine::sweep`] removes what an earlier process left, before the node starts and after it has stopped.
//!
//! The API is meant to stay; what holds it against a hostile job is still being tested.

mod deliver;
mod egress;
mod engine;
mod error;
mod executor;
mod folders;
mod gpu;
mod job;
mod options;
mod run;
mod spec;
mod usage;
mod volume;

pub use deliver::{Delivery, DeliveryError, DeliveryLimits, deliver};
pub use engine::{Engine, Swept};
pub use error::{SandboxError, chain};
pub use executor::ContainerExecutor;
pub use job::{ContainerJob, Gpu, ImageRef, JobError, Network};
pub use options::{ContainerOptions, NodeLabel};
pub use usage::{OnUsage, Usage};
pub use volume::{VolumeRoom, Volumes};
