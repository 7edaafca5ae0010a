use std::sync::Arc;

use vyr_telemetry::ExportHandle;

use crate::containers::Containers;
use crate::fabric::Fabric;
use crate::home::Home;
use crate::journal::Journal;
use crate::machine::{Gpus, Machine};
use crate::packages::PackageIndex;
use crate::server::Server;

/// What every attempt needs.
pub(crate) struct Tools {
    pub(crate) home: Home,
    pub(crate) journal: Arc<Journal>,
    pub(crate) server: Server,
    pub(crate) fabric: Fabric,
    /// Nothing where there is no engine.
    pub(crate) containers: Option<Containers>,
    /// Where requirements are found, where pip's own index is not meant.
    pub(crate) package_index: Option<PackageIndex>,
    /// For addresses that buyers name.
    pub(crate) public: reqwest::Client,
    pub(crate) machine: Machine,
    pub(crate) gpus: Gpus,
    /// Takes the spans of attempts.
    pub(crate) spans: ExportHandle,
}
