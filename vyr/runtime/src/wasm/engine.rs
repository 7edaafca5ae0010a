use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    num::NonZeroUsize,
    str::FromStr,
};

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use crate::Courtesy;

/// How the guest's use of the processor is bounded. Each needs its own compiled code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Metering {
    /// By processor time alone: the fast way.
    #[default]
    Time,
    /// By wasmtime's fuel as well, and repeatable to the bit: for tasks with a fuel limit or determinism.
    Fuel,
}

impl Metering {
    /// Returns what a task with these limits needs.
    pub const fn for_limits(limits: &vyr_model::Limits) -> Self {
        if limits.fuel.is_some() { Self::Fuel } else { Self::Time }
    }

    /// Returns the name used on the compile child's command line and in cache keys.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Fuel => "fuel",
        }
    }
}

impl FromStr for Metering {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Time, Self::Fuel].into_iter().find(|metering| metering.as_str() == text).ok_or(())
    }
}

/// How long the compiler thinks before it writes code, and how good that is. Each has its own place in a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Level {
    /// Not optimized: in three quarters of the time.
    Quick,
    /// Optimized.
    #[default]
    Full,
}

impl Level {
    /// Returns the name used on the compile child's command line, in cache keys and in spans.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Full => "full",
        }
    }
}

impl FromStr for Level {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Quick, Self::Full].into_iter().find(|level| level.as_str() == text).ok_or(())
    }
}

/// What the Wasm runtime reserves and keeps.
#[derive(Debug, Clone)]
pub struct RuntimeOptions {
    /// Guests that run at once; one more waits its turn. Address space is reserved for each, memory is not.
    /// Default 128.
    pub max_running: u32,
    /// Core instances in one component. Default 64.
    pub max_core_instances: u32,
    /// Linear memories in one program. Default 8.
    pub max_memories: u32,
    /// Tables in one program. Default 16.
    pub max_tables: u32,
    /// Bytes of each used linear memory that stay resident after a run, cleaned, for the next one.
    /// Default 1 MiB.
    pub keep_resident: usize,
    /// Tells guests that compute for long when short tasks are in flight.
    pub courtesy: Courtesy,
}

impl Default for RuntimeOptions {
    fn default() -> Self {
        Self {
            max_running: 128,
            max_core_instances: 64,
            max_memories: 8,
            max_tables: 16,
            keep_resident: 1 << 20,
            courtesy: Courtesy::default(),
        }
    }
}

/// The runtime could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// wasmtime refused the configuration, or the host the address space.
    #[error(
        "failed to set up the Wasm engine; when address space is limited (`ulimit -v`), lower `max_running`"
    )]
    Engine(#[source] EngineError),
    /// The host interfaces could not be linked.
    #[error("failed to link the host interfaces")]
    Linker(#[source] EngineError),
    /// The ticker thread could not start.
    #[error("failed to start the epoch thread")]
    Thread(#[source] std::io::Error),
}

/// An error of wasmtime, with its causes in one line.
#[derive(Debug)]
pub struct EngineError(pub(crate) wasmtime::Error);

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl std::error::Error for EngineError {}

/// Elements in one table of the pool: the larger of what toolchains emit and what a pool can reserve cheaply.
const TABLE_ELEMENTS: usize = 128 * 1024;
/// Bytes of each table that stay resident after a run.
const TABLE_KEEP_RESIDENT: usize = 64 << 10;
/// Bytes of wasmtime's own records for one component or module.
const INSTANCE_RECORD_BYTES: usize = 8 << 20;
/// Frames of a guest's stack in a trap's text.
const BACKTRACE_FRAMES: usize = 24;

/// Builds the part of the configuration that compiled code depends on.
pub(crate) fn compile_config(metering: Metering, level: Level) -> Config {
    let mut config = Config::new();
    // the quick allocator of registers would save as much again, but is not for code that nobody trusts
    let optimize = match level {
        Level::Quick => OptLevel::None,
        Level::Full => OptLevel::Speed,
    };
    config
        .cranelift_opt_level(optimize)
        .epoch_interruption(true)
        .consume_fuel(metering == Metering::Fuel)
        // repeatable on every machine, as fuel is: processors differ in the bits of a NaN and in relaxed SIMD
        .cranelift_nan_canonicalization(metering == Metering::Fuel)
        .relaxed_simd_deterministic(metering == Metering::Fuel)
        .wasm_component_model(true)
        .memory_init_cow(true)
        .wasm_backtrace_max_frames(NonZeroUsize::new(BACKTRACE_FRAMES));
    config
}

/// Builds the engine that runs guests.
pub(crate) fn run_engine(metering: Metering, options: &RuntimeOptions) -> wasmtime::Result<Engine> {
    let mut config = compile_config(metering, Level::Full);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(options)));
    Engine::new(&config)
}

fn pool(options: &RuntimeOptions) -> PoolingAllocationConfig {
    let running = options.max_running;
    let mut pool = PoolingAllocationConfig::new();
    // every running guest can have its maximum at once: a full pool is impossible, not an error
    pool.total_component_instances(running)
        .total_core_instances(running.saturating_mul(options.max_core_instances))
        .max_core_instances_per_component(options.max_core_instances)
        .total_memories(running.saturating_mul(options.max_memories))
        .max_memories_per_component(options.max_memories)
        .max_memories_per_module(options.max_memories)
        .total_tables(running.saturating_mul(options.max_tables))
        .max_tables_per_component(options.max_tables)
        .max_tables_per_module(options.max_tables)
        .table_elements(TABLE_ELEMENTS)
        .total_stacks(running)
        .total_gc_heaps(running)
        .max_core_instance_size(INSTANCE_RECORD_BYTES)
        .max_component_instance_size(INSTANCE_RECORD_BYTES)
        .linear_memory_keep_resident(options.keep_resident)
        .table_keep_resident(TABLE_KEEP_RESIDENT)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// Returns a text that is equal for two engines when compiled code of one runs in the other, and for code of a level.
pub(crate) fn compatibility_key(metering: Metering, level: Level) -> wasmtime::Result<String> {
    let engine = Engine::new(&compile_config(metering, Level::Full))?;
    // the hash covers wasmtime's version, its settings, the target and the processor's features
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let key = format!("{}-{}-{:016x}", env!("CARGO_PKG_VERSION"), metering.as_str(), hasher.finish());
    Ok(match level {
        Level::Full => key,
        Level::Quick => format!("{key}-{}", level.as_str()),
    })
}
