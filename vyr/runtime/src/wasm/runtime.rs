use std::sync::{Arc, OnceLock};

use tokio::sync::{Semaphore, SemaphorePermit};
use wasmtime::{Engine, Linker as ModuleLinker, component::Linker as ComponentLinker};

use super::{
    engine::{self, EngineError, Level, Metering, RuntimeError, RuntimeOptions},
    host::{ComponentHost, ModuleHost},
    linker,
    ticker::Ticker,
};
use crate::Courtesy;

/// The Wasm runtime of one node. Clones are the same runtime.
#[derive(Clone)]
pub struct Runtime(Arc<Inner>);

struct Inner {
    options: RuntimeOptions,
    time: Variant,
    fuel: OnceLock<Variant>,
    ticker: Ticker,
    running: Semaphore,
}

/// One engine with all that is linked to it.
pub(crate) struct Variant {
    pub(crate) engine: Engine,
    pub(crate) components: ComponentLinker<ComponentHost>,
    pub(crate) modules: ModuleLinker<ModuleHost>,
}

impl Variant {
    fn new(metering: Metering, options: &RuntimeOptions, ticker: &Ticker) -> Result<Self, RuntimeError> {
        let engine = engine::run_engine(metering, options)
            .map_err(|error| RuntimeError::Engine(EngineError(error)))?;
        let link = |error| RuntimeError::Linker(EngineError(error));
        let components = linker::for_components(&engine).map_err(link)?;
        let modules = linker::for_modules(&engine).map_err(link)?;
        ticker.add(&engine);
        Ok(Self { engine, components, modules })
    }
}

impl Runtime {
    /// Reserves the address space and starts the epoch thread, which sleeps while no guest runs.
    ///
    /// # Errors
    /// The host refuses the address space or the thread.
    pub fn new(options: RuntimeOptions) -> Result<Self, RuntimeError> {
        let ticker = Ticker::start().map_err(RuntimeError::Thread)?;
        let time = Variant::new(Metering::Time, &options, &ticker)?;
        let running = usize::try_from(options.max_running).unwrap_or(Semaphore::MAX_PERMITS);
        let running = Semaphore::new(running.min(Semaphore::MAX_PERMITS));
        Ok(Self(Arc::new(Inner { options, time, fuel: OnceLock::new(), ticker, running })))
    }

    /// Returns a text that changes whenever code compiled before no longer fits: part of a code cache's key. Code
    /// of both levels runs on the same engine.
    ///
    /// # Errors
    /// wasmtime refuses the host's processor.
    pub fn engine_key(metering: Metering, level: Level) -> Result<String, RuntimeError> {
        engine::compatibility_key(metering, level).map_err(|error| RuntimeError::Engine(EngineError(error)))
    }

    /// Makes every running guest look at its [`crate::Cancel`] now.
    pub fn kick(&self) {
        self.0.ticker.kick();
    }

    /// Returns how many guests may run at once.
    pub fn max_running(&self) -> u32 {
        self.0.options.max_running
    }

    /// Returns how many guests run now.
    pub fn running(&self) -> u32 {
        let free = u32::try_from(self.0.running.available_permits()).unwrap_or(u32::MAX);
        self.0.options.max_running.saturating_sub(free)
    }

    /// Returns the engine for `metering`; the one with fuel is made when first asked for.
    pub(crate) fn variant(&self, metering: Metering) -> Result<&Variant, RuntimeError> {
        match metering {
            Metering::Time => Ok(&self.0.time),
            Metering::Fuel => match self.0.fuel.get() {
                Some(variant) => Ok(variant),
                None => {
                    let variant = Variant::new(metering, &self.0.options, &self.0.ticker)?;
                    Ok(self.0.fuel.get_or_init(|| variant))
                }
            },
        }
    }

    /// Returns how guests that compute for long learn of short tasks.
    pub fn courtesy(&self) -> &Courtesy {
        &self.0.options.courtesy
    }

    pub(crate) fn ticker(&self) -> &Ticker {
        &self.0.ticker
    }

    /// Waits until one more guest may run.
    pub(crate) async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        self.0.running.acquire().await.ok()
    }
}
