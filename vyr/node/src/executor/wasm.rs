use std::{collections::HashMap, num::NonZeroUsize, sync::Arc};

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::task::JoinSet;
use vyr_model::{ArtifactKind, Digest, Failure, Limits};
use vyr_runtime::{
    RunOutcome, RunRequest,
    wasm::{Compiler, Haste, Level, Metering, Program, Runtime},
};
use vyr_store::{AotCache, Store, VerifiedArtifact};
use vyr_telemetry::{Edge, Stamp, StartClass, attr};

use super::{
    Executor, Prepared,
    code::{Code, Key, chain},
    improve::Improver,
};
use crate::tracer::Tracer;

/// How programs are made and kept.
pub(crate) struct WasmOptions {
    pub(crate) max_programs: NonZeroUsize,
    /// Whether the first task of an artifact runs code that was compiled quickly.
    pub(crate) quick_code: bool,
}

/// Executes components and core modules on wasmtime.
pub(crate) struct WasmExecutor {
    code: Code,
    compiler: Compiler,
    /// Compiles again, better, what was compiled quickly; `None` where all code is to be the best at once.
    improver: Option<Improver>,
    /// Compiled code on its way into the cache.
    keeping: Mutex<JoinSet<()>>,
    /// One task loads a program, the others wait for it.
    loading: Mutex<HashMap<Key, Arc<tokio::sync::Mutex<()>>>>,
}

impl WasmExecutor {
    pub(crate) fn new(runtime: Runtime, compiler: Compiler, aot: AotCache, options: WasmOptions) -> Self {
        let code = Code::new(runtime, aot, options.max_programs);
        let improver = options.quick_code.then(|| Improver::new(code.clone(), compiler.clone()));
        Self { code, compiler, improver, keeping: Mutex::default(), loading: Mutex::default() }
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
        if let Some(program) = self.code.loaded(&key) {
            tracer.passed(Edge::Load);
            tracer.span(Edge::Load, began);
            return Ok((program, StartClass::Warm));
        }
        let loaded = self.load_first(artifact, store, key.1, tracer).await;
        self.loading.lock().remove(&key);
        let (program, class) = loaded?;
        Ok((self.code.hold(key, program), class))
    }

    async fn load_first(
        &self,
        artifact: &VerifiedArtifact,
        store: &Store,
        metering: Metering,
        tracer: Tracer<'_>,
    ) -> Result<(Program, StartClass), Failure> {
        let kind = artifact.manifest.kind;
        let began = Stamp::now();
        let tell = |level: Level, from: Stamp| {
            tracer.span_with(Edge::Load, from, Stamp::now(), |span| {
                span.attr(attr::CODE_LEVEL, level.as_str());
            });
        };
        for level in [Level::Full, Level::Quick] {
            if let Some(program) = self.code.kept(&artifact.digest, metering, level, kind)? {
                tracer.passed(Edge::Load);
                tell(level, began);
                self.improve(level, artifact, store, metering);
                return Ok((program, StartClass::Cold));
            }
        }
        tracer.passed(Edge::Compile);
        // what is to be repeatable is compiled one way alone
        let haste = match (&self.improver, metering) {
            (Some(_), Metering::Time) => Haste::Quick,
            _ => Haste::Full,
        };
        let compiled = self.compile(artifact, store, metering, haste).await;
        let compiled_at = tracer.span(Edge::Compile, began);
        let code: Arc<[u8]> = compiled?.into();
        self.keep(artifact.digest, metering, haste.level(), Arc::clone(&code));
        tracer.passed(Edge::Load);
        let program = self.code.deserialize(&code, metering, kind);
        tell(haste.level(), compiled_at);
        let program = program.map_err(|error| error.failure())?;
        self.improve(haste.level(), artifact, store, metering);
        Ok((program, StartClass::Unseen))
    }

    /// Has code that was compiled quickly compiled again, when there is time.
    fn improve(&self, level: Level, artifact: &VerifiedArtifact, store: &Store, metering: Metering) {
        if let (Level::Quick, Some(improver)) = (level, &self.improver) {
            improver.ask(artifact.clone(), store.clone(), metering);
        }
    }

    /// Puts compiled code into the cache, which syncs it, while the guest runs already.
    fn keep(&self, digest: Digest, metering: Metering, level: Level, code: Arc<[u8]>) {
        let keeper = self.code.clone();
        let mut keeping = self.keeping.lock();
        while keeping.try_join_next().is_some() {}
        keeping.spawn_blocking(move || keeper.keep(&digest, metering, level, &code));
    }

    async fn compile(
        &self,
        artifact: &VerifiedArtifact,
        store: &Store,
        metering: Metering,
        haste: Haste,
    ) -> Result<Vec<u8>, Failure> {
        let content = store
            .read_content(artifact)
            .map_err(|error| Failure::Verify(format!("the content does not hold: {}", chain(&error))))?;
        self.compiler.compile(&content, metering, haste).await.map_err(|error| error.failure())
    }
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
        let (program, class) = match self.code.loaded(&key) {
            Some(program) => (program, StartClass::Warm),
            None => self.load(artifact, store, key, tracer).await?,
        };
        Ok(Box::new(WasmPrepared { runtime: self.code.runtime().clone(), program, class }))
    }

    fn kick(&self) {
        self.code.runtime().kick();
    }

    async fn close(&self) {
        if let Some(improver) = &self.improver {
            improver.stop();
        }
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
