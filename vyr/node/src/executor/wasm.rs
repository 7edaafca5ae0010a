use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use lru::LruCache;
use parking_lot::Mutex;
use tokio::task::JoinSet;
use vyr_model::{ArtifactKind, Digest, Failure, Limits};
use vyr_runtime::{
    RunOutcome, RunRequest,
    wasm::{Compiler, LoadError, Metering, Program, ProgramKind, Runtime},
};
use vyr_store::{AotCache, AotLookup, Store, VerifiedArtifact};
use vyr_telemetry::{Edge, Stamp, StartClass};

use super::{Executor, Prepared};
use crate::tracer::Tracer;

/// One artifact, compiled one way.
type Key = (Digest, Metering);

/// Executes components and core modules on wasmtime.
pub(crate) struct WasmExecutor {
    runtime: Runtime,
    compiler: Compiler,
    aot: Arc<AotCache>,
    /// Compiled code on its way into the cache.
    keeping: Mutex<JoinSet<()>>,
    /// The engines' keys, by metering: making one costs as much as a load.
    engine_keys: [OnceLock<String>; 2],
    programs: Mutex<LruCache<Key, Arc<Program>>>,
    /// One task loads a program, the others wait for it.
    loading: Mutex<HashMap<Key, Arc<tokio::sync::Mutex<()>>>>,
}

impl WasmExecutor {
    pub(crate) fn new(
        runtime: Runtime,
        compiler: Compiler,
        aot: AotCache,
        max_programs: NonZeroUsize,
    ) -> Self {
        let programs = Mutex::new(LruCache::new(max_programs));
        let engine_keys = Default::default();
        let (aot, keeping, loading) = (Arc::new(aot), Mutex::default(), Mutex::default());
        Self { runtime, compiler, aot, keeping, engine_keys, programs, loading }
    }

    fn engine_key(&self, metering: Metering) -> Result<&str, Failure> {
        let [time, fuel] = &self.engine_keys;
        let kept = match metering {
            Metering::Time => time,
            Metering::Fuel => fuel,
        };
        if let Some(key) = kept.get() {
            return Ok(key);
        }
        let key = Runtime::engine_key(metering).map_err(|error| Failure::Internal(chain(&error)))?;
        Ok(kept.get_or_init(|| key))
    }

    fn loaded(&self, key: &Key) -> Option<Arc<Program>> {
        self.programs.lock().get(key).cloned()
    }

    async fn load(
        &self,
        artifact: &VerifiedArtifact,
        store: &Store,
        key: Key,
        tracer: Tracer<'_>,
    ) -> Result<(Arc<Program>, StartClass), Failure> {
        let turn = Arc::clone(self.loading.lock().entry(key).or_default());
        let began = Stamp::now();
        let _turn = turn.lock().await;
        if let Some(program) = self.loaded(&key) {
            tracer.passed(Edge::Load);
            tracer.span(Edge::Load, began);
            return Ok((program, StartClass::Warm));
        }
        let loaded = self.load_first(artifact, store, key.1, tracer).await;
        self.loading.lock().remove(&key);
        let (program, class) = loaded?;
        let program = Arc::new(program);
        self.programs.lock().put(key, Arc::clone(&program));
        Ok((program, class))
    }

    async fn load_first(
        &self,
        artifact: &VerifiedArtifact,
        store: &Store,
        metering: Metering,
        tracer: Tracer<'_>,
    ) -> Result<(Program, StartClass), Failure> {
        let digest = &artifact.digest;
        let kind = artifact.manifest.kind;
        let engine = self.engine_key(metering)?;
        let began = Stamp::now();
        if let Some(program) = self.load_kept(digest, engine, metering, kind) {
            tracer.passed(Edge::Load);
            tracer.span(Edge::Load, began);
            return Ok((program, StartClass::Cold));
        }
        tracer.passed(Edge::Compile);
        let compiled = self.compile(artifact, store, metering).await;
        let compiled_at = tracer.span(Edge::Compile, began);
        let code: Arc<[u8]> = compiled?.into();
        self.keep(*digest, engine.to_owned(), Arc::clone(&code));
        tracer.passed(Edge::Load);
        let program = self.deserialize(&code, metering, kind);
        tracer.span(Edge::Load, compiled_at);
        let program = program.map_err(|error| error.failure())?;
        Ok((program, StartClass::Unseen))
    }

    /// Puts compiled code into the cache, which syncs it, while the guest runs already.
    fn keep(&self, digest: Digest, engine: String, code: Arc<[u8]>) {
        let aot = Arc::clone(&self.aot);
        let mut keeping = self.keeping.lock();
        while keeping.try_join_next().is_some() {}
        keeping.spawn_blocking(move || {
            if let Err(error) = aot.put(&digest, &engine, &code) {
                tracing::warn!(%error, "failed to keep compiled code; it will be compiled again");
            }
        });
    }

    /// Loads code of an earlier compilation, where there is some and it is ours.
    fn load_kept(
        &self,
        digest: &Digest,
        engine: &str,
        metering: Metering,
        kind: ArtifactKind,
    ) -> Option<Program> {
        match self.aot.get(digest, engine) {
            Ok(AotLookup::Hit(code)) => self.deserialize(&code, metering, kind).ok(),
            Ok(AotLookup::Miss) => None,
            Ok(AotLookup::Tampered { path }) => {
                tracing::error!(path = %path.display(), "compiled code was tampered with: removed, not run");
                None
            }
            Err(error) => {
                tracing::warn!(%error, "the cache of compiled code failed");
                None
            }
        }
    }

    async fn compile(
        &self,
        artifact: &VerifiedArtifact,
        store: &Store,
        metering: Metering,
    ) -> Result<Vec<u8>, Failure> {
        let content = store
            .read_content(artifact)
            .map_err(|error| Failure::Verify(format!("the content does not hold: {}", chain(&error))))?;
        self.compiler.compile(&content, metering).await.map_err(|error| error.failure())
    }

    #[expect(unsafe_code, reason = "compiled code is deserialized here and nowhere else")]
    fn deserialize(&self, code: &[u8], metering: Metering, kind: ArtifactKind) -> Result<Program, LoadError> {
        let kind = match kind {
            ArtifactKind::Component => ProgramKind::Component,
            _ => ProgramKind::Module,
        };
        // SAFETY: `code` is the very buffer that the AOT cache authenticated with the node's key,
        // or that our own compile child made of verified content a moment ago.
        unsafe { self.runtime.load(code, kind, metering) }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[async_trait]
impl Executor for WasmExecutor {
    fn accepts(&self, kind: ArtifactKind) -> bool {
        matches!(kind, ArtifactKind::Component | ArtifactKind::Module)
    }

    fn seals(&self) -> bool {
        true
    }

    async fn prepare(
        &self,
        artifact: &VerifiedArtifact,
        store: &Store,
        limits: &Limits,
        tracer: Tracer<'_>,
    ) -> Result<Box<dyn Prepared>, Failure> {
        let metering = if limits.fuel.is_some() { Metering::Fuel } else { Metering::Time };
        let key = (artifact.digest, metering);
        let (program, class) = match self.loaded(&key) {
            Some(program) => (program, StartClass::Warm),
            None => self.load(artifact, store, key, tracer).await?,
        };
        Ok(Box::new(WasmPrepared { runtime: self.runtime.clone(), program, class }))
    }

    fn kick(&self) {
        self.runtime.kick();
    }

    async fn close(&self) {
        let mut keeping = std::mem::take(&mut *self.keeping.lock());
        while keeping.join_next().await.is_some() {}
    }
}

struct WasmPrepared {
    runtime: Runtime,
    program: Arc<Program>,
    class: StartClass,
}

#[async_trait]
impl Prepared for WasmPrepared {
    fn class(&self) -> StartClass {
        self.class
    }

    async fn execute(self: Box<Self>, request: RunRequest) -> RunOutcome {
        self.runtime.run(&self.program, request).await
    }
}
