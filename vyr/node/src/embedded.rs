use std::{num::NonZeroUsize, time::SystemTime};

use parking_lot::Mutex;
use vyr_model::{DefaultLimits, Digest, Failure, Terminal};
use vyr_runtime::{
    RunOutcome, RunRequest, oci,
    wasm::{Runtime, RuntimeOptions},
};
use vyr_store::Store;
use vyr_telemetry::{Coverage, TaskTrace, new_span_id, new_trace_id};

use crate::{
    Executor, Home, NodeError, NodeOptions, Tracer,
    executor::{OciExecutor, WasmExecutor, WasmOptions},
    node::{open_store, wasm_executor},
};

/// A node for one run in this process: the same store, trust, limits and executors, but no record,
/// no API, and stdin and stdout passed straight through.
pub struct Embedded {
    options: NodeOptions,
    store: Store,
    wasm: WasmExecutor,
}

impl Embedded {
    /// Opens the home's store; any number of processes may.
    ///
    /// # Errors
    /// The home cannot be used.
    pub fn open(options: NodeOptions) -> Result<Self, NodeError> {
        let home = Home::new(&options.home);
        home.create()?;
        let store = open_store(&home, &options)?;
        let runtime = Runtime::new(RuntimeOptions { max_running: 1, ..RuntimeOptions::default() })?;
        // a process for one run has no time to compile again
        let wasm_options = WasmOptions { max_programs: NonZeroUsize::MIN, quick_code: false };
        let wasm = wasm_executor(&home, &options, runtime, wasm_options)?;
        Ok(Self { options, store, wasm })
    }

    /// Returns the store.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Verifies the artifact and runs it; `request` gets its name and the limits that its manifest sets.
    ///
    /// # Errors
    /// The artifact is not in the store, or not trusted.
    pub async fn run(
        &self,
        digest: Digest,
        request: impl FnOnce(&str, &DefaultLimits) -> RunRequest,
    ) -> Result<RunOutcome, NodeError> {
        let artifact = self.store.load_manifest(&digest, SystemTime::now())?;
        let trace = Mutex::new(TaskTrace::new(new_trace_id(), None, new_span_id()));
        let coverage = Coverage::default();
        let tracer = Tracer::new(&trace, &coverage);
        let name = artifact.manifest.name.as_deref().unwrap_or("task");
        let request = request(name, &artifact.manifest.limits);
        let kind = artifact.manifest.kind;
        let prepared = if self.wasm.accepts(kind) {
            self.wasm.prepare(&artifact, &self.store, &request.limits, tracer).await
        } else {
            let home = Home::new(&self.options.home);
            let mut oci_options = oci::OciOptions::new(home.oci());
            oci_options.runtime.clone_from(&self.options.oci_runtime);
            match oci::Runtime::detect(oci_options)? {
                Some(oci) => {
                    let oci = OciExecutor::new(oci);
                    oci.prepare(&artifact, &self.store, &request.limits, tracer).await
                }
                None => Err(Failure::Link("no OCI runtime on PATH: install runc".to_owned())),
            }
        };
        match prepared {
            Ok(prepared) => {
                let outcome = prepared.execute(request).await;
                self.wasm.close().await;
                Ok(outcome)
            }
            Err(failure) => Ok(RunOutcome {
                terminal: Terminal::Failed(failure),
                prepared: SystemTime::now(),
                started: None,
                ended: SystemTime::now(),
                cpu: std::time::Duration::ZERO,
            }),
        }
    }
}
