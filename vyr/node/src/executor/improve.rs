use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{sync::Semaphore, task::JoinSet};
use vyr_runtime::wasm::{Compiler, Haste, Level, Metering};
use vyr_store::{Store, VerifiedArtifact};

use super::code::{Code, chain};

/// Artifacts that wait at most. One more is left as it is; it is asked for again when it is next loaded from disk.
const WAITING: usize = 64;
/// How long no task must have come before the compiler begins.
const QUIET: Duration = Duration::from_millis(250);

/// Compiles again, better, what was compiled quickly: one at a time, and when nobody else has anything to do.
pub(super) struct Improver {
    code: Code,
    compiler: Compiler,
    turn: Arc<Semaphore>,
    asked: Mutex<JoinSet<()>>,
}

impl Improver {
    pub(super) fn new(code: Code, compiler: Compiler) -> Self {
        Self { code, compiler, turn: Arc::new(Semaphore::new(1)), asked: Mutex::default() }
    }

    /// Asks for better code of an artifact; whoever starts after it is there runs it.
    pub(super) fn ask(&self, artifact: VerifiedArtifact, store: Store, metering: Metering) {
        let mut asked = self.asked.lock();
        while asked.try_join_next().is_some() {}
        if asked.len() < WAITING {
            let (code, compiler, turn) = (self.code.clone(), self.compiler.clone(), Arc::clone(&self.turn));
            asked.spawn(async move {
                let Ok(_turn) = turn.acquire_owned().await else { return };
                code.runtime().courtesy().quiet(QUIET).await;
                if let Err(error) = improve(&code, &compiler, &artifact, &store, metering).await {
                    tracing::debug!(artifact.digest = %artifact.digest, error, "no better code was made");
                }
            });
        }
    }

    /// Gives up what is asked for, and ends the compiler.
    pub(super) fn stop(&self) {
        self.turn.close();
        self.asked.lock().abort_all();
    }
}

async fn improve(
    code: &Code,
    compiler: &Compiler,
    artifact: &VerifiedArtifact,
    store: &Store,
    metering: Metering,
) -> Result<(), String> {
    let content = store.read_content(artifact).map_err(|error| chain(&error))?;
    let compiled = compiler.compile(&content, metering, Haste::Later).await.map_err(|error| chain(&error))?;
    let (code, digest, kind) = (code.clone(), artifact.digest, artifact.manifest.kind);
    let kept = tokio::task::spawn_blocking(move || {
        let program = code.deserialize(&compiled, metering, kind).map_err(|error| chain(&error))?;
        code.keep(&digest, metering, Level::Full, &compiled);
        code.replace(&(digest, metering), program);
        Ok(())
    });
    kept.await.map_err(|error| chain(&error))?
}
