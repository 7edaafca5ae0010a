use std::{
    num::NonZeroUsize,
    sync::{Arc, OnceLock},
};

use lru::LruCache;
use parking_lot::Mutex;
use vyr_model::{ArtifactKind, Digest, Failure};
use vyr_runtime::wasm::{Level, LoadError, Metering, Program, ProgramKind, Runtime};
use vyr_store::{AotCache, AotLookup};

/// One artifact, compiled one way.
pub(super) type Key = (Digest, Metering);

/// Machine code: in memory, and in the cache on disk. Clones are the same.
#[derive(Clone)]
pub(super) struct Code(Arc<Inner>);

struct Inner {
    runtime: Runtime,
    aot: AotCache,
    /// The engines' keys, by metering, then level: making one costs as much as a load.
    engine_keys: [[OnceLock<String>; 2]; 2],
    programs: Mutex<LruCache<Key, Arc<Program>>>,
}

impl Code {
    pub(super) fn new(runtime: Runtime, aot: AotCache, max_programs: NonZeroUsize) -> Self {
        let programs = Mutex::new(LruCache::new(max_programs));
        Self(Arc::new(Inner { runtime, aot, engine_keys: Default::default(), programs }))
    }

    pub(super) fn runtime(&self) -> &Runtime {
        &self.0.runtime
    }

    pub(super) fn loaded(&self, key: &Key) -> Option<Arc<Program>> {
        self.0.programs.lock().get(key).cloned()
    }

    /// Holds a program in memory, in place of what was there.
    pub(super) fn hold(&self, key: Key, program: Program) -> Arc<Program> {
        let program = Arc::new(program);
        self.0.programs.lock().put(key, Arc::clone(&program));
        program
    }

    /// Likewise, where the artifact is in memory; its place in the order of use stays. Tasks that run keep what they have.
    pub(super) fn replace(&self, key: &Key, program: Program) {
        if let Some(held) = self.0.programs.lock().peek_mut(key) {
            *held = Arc::new(program);
        }
    }

    fn engine_key(&self, metering: Metering, level: Level) -> Result<&str, Failure> {
        let [[time, quick_time], [fuel, quick_fuel]] = &self.0.engine_keys;
        let kept = match (metering, level) {
            (Metering::Time, Level::Full) => time,
            (Metering::Time, Level::Quick) => quick_time,
            (Metering::Fuel, Level::Full) => fuel,
            (Metering::Fuel, Level::Quick) => quick_fuel,
        };
        if let Some(key) = kept.get() {
            return Ok(key);
        }
        let key = Runtime::engine_key(metering, level).map_err(|error| Failure::Internal(chain(&error)))?;
        Ok(kept.get_or_init(|| key))
    }

    /// Loads code of an earlier compilation, where there is some and it is ours.
    pub(super) fn kept(
        &self,
        digest: &Digest,
        metering: Metering,
        level: Level,
        kind: ArtifactKind,
    ) -> Result<Option<Program>, Failure> {
        Ok(match self.0.aot.get(digest, self.engine_key(metering, level)?) {
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
        })
    }

    /// Puts code into the cache and syncs it; that of a lower level goes.
    pub(super) fn keep(&self, digest: &Digest, metering: Metering, level: Level, code: &[u8]) {
        let put = |key: &str| self.0.aot.put(digest, key, code);
        match self.engine_key(metering, level).map(put) {
            Ok(Ok(_)) if level == Level::Full => self.forget_quick(digest, metering),
            Ok(Err(error)) => {
                tracing::warn!(%error, "failed to keep compiled code; it will be compiled again");
            }
            _ => {}
        }
    }

    /// The better code is looked for first: what is left of the other only takes room.
    fn forget_quick(&self, digest: &Digest, metering: Metering) {
        if let Ok(key) = self.engine_key(metering, Level::Quick)
            && let Err(error) = self.0.aot.remove(digest, key)
        {
            tracing::debug!(%error, "failed to remove code that is of no use any more");
        }
    }

    #[expect(unsafe_code, reason = "compiled code is deserialized here and nowhere else")]
    pub(super) fn deserialize(
        &self,
        code: &[u8],
        metering: Metering,
        kind: ArtifactKind,
    ) -> Result<Program, LoadError> {
        let kind = match kind {
            ArtifactKind::Component => ProgramKind::Component,
            _ => ProgramKind::Module,
        };
        // SAFETY: `code` is the very buffer that the AOT cache authenticated with the node's key,
        // or that our own compile child made of verified content a moment ago.
        unsafe { self.0.runtime.load(code, kind, metering) }
    }
}

pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
