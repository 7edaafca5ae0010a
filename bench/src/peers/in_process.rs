//! The limit: wasmtime alone, with nothing around it.

use anyhow::Result;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
    component::{Component, Linker, ResourceTable},
};
use wasmtime_wasi::{
    WasiCtx, WasiCtxView, WasiView,
    p2::{add_to_linker_async, bindings::CommandPre},
};

use super::repeat;
use crate::{lab::Lab, samples::Latency};

struct Host {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// Instantiate and run to exit, the module in memory.
pub(super) fn warm(lab: &Lab) -> Result<Latency> {
    lab.say("wasmtime in this process, warm");
    let engine = engine()?;
    let component = Component::new(&engine, lab.noop.bytes()).map_err(plain)?;
    let linker = linker(&engine)?;
    let pre = CommandPre::new(linker.instantiate_pre(&component).map_err(plain)?).map_err(plain)?;
    repeat(lab.sizes.in_process, || lab.runtime.block_on(run(&engine, &pre)))
}

/// Read compiled code from a file, make a module of it, link, instantiate, run to exit.
#[expect(unsafe_code, reason = "compiled code is deserialized, as a node does")]
pub(super) fn cold(lab: &Lab) -> Result<Latency> {
    lab.say("wasmtime in this process, cold");
    let engine = engine()?;
    let linker = linker(&engine)?;
    let path = lab.path("in-process.cwasm");
    std::fs::write(&path, engine.precompile_component(lab.noop.bytes()).map_err(plain)?)?;
    repeat(lab.sizes.wasmtime, || {
        let code = std::fs::read(&path)?;
        // SAFETY: the code was made by this engine a moment ago, in a folder of our own.
        let component = unsafe { Component::deserialize(&engine, &code) }.map_err(plain)?;
        let pre = CommandPre::new(linker.instantiate_pre(&component).map_err(plain)?).map_err(plain)?;
        lab.runtime.block_on(run(&engine, &pre))
    })
}

fn engine() -> Result<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    pool.linear_memory_keep_resident(1 << 20).table_keep_resident(64 << 10).pagemap_scan(Enabled::Auto);
    let mut config = Config::new();
    config.epoch_interruption(true).allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config).map_err(plain)
}

fn linker(engine: &Engine) -> Result<Linker<Host>> {
    let mut linker = Linker::new(engine);
    add_to_linker_async(&mut linker).map_err(plain)?;
    Ok(linker)
}

async fn run(engine: &Engine, pre: &CommandPre<Host>) -> Result<()> {
    let mut store =
        Store::new(engine, Host { wasi: WasiCtx::builder().build(), table: ResourceTable::new() });
    store.set_epoch_deadline(1);
    let command = pre.instantiate_async(&mut store).await.map_err(plain)?;
    let ended = command.wasi_cli_run().call_run(&mut store).await.map_err(plain)?;
    ended.map_err(|()| anyhow::anyhow!("the no-op failed"))
}

fn plain(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}
