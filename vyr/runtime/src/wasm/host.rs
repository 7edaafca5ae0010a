use std::sync::Arc;

use parking_lot::Mutex;
use vyr_model::{DirGrant, LimitKind};
use wasmtime::ResourceLimiter;
use wasmtime_wasi::{FsPerms, ResourceTable, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView, p1::WasiP1Ctx};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::{
    determinism, error::Stop, fs::SharedQuota, http::Outbound, keyvalue::States, memory::MemoryBudget,
    quota::OutQuota, stdin::Input, stdout::Output, watch::Watch,
};
use crate::RunRequest;

/// Where the guest sees its output folder.
const OUT_GUEST_PATH: &str = "/out";

/// What every guest has, component or core module.
pub(crate) struct Base {
    pub(crate) memory: MemoryBudget,
    pub(crate) out: Option<SharedQuota>,
    pub(crate) host_call_bytes: u64,
}

/// A component's side of the host.
pub(crate) struct ComponentHost {
    pub(crate) base: Base,
    pub(crate) table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: Outbound,
    pub(crate) states: States,
}

/// A core module's side of the host.
pub(crate) struct ModuleHost {
    pub(crate) base: Base,
    pub(crate) wasi: WasiP1Ctx,
}

/// What the execution needs of either host.
pub(crate) trait Host: Send + 'static {
    /// Takes what `request` grants, and nothing else of this machine.
    fn build(request: RunRequest, watch: &Arc<Watch>) -> Result<Self, Stop>
    where
        Self: Sized;

    fn base(&mut self) -> &mut Base;

    fn limiter(&mut self) -> &mut dyn ResourceLimiter {
        &mut self.base().memory
    }
}

impl Host for ComponentHost {
    fn build(mut request: RunRequest, watch: &Arc<Watch>) -> Result<Self, Stop> {
        let base = Base::new(&request, watch);
        let mut table = ResourceTable::new();
        table.set_max_capacity(handles(&request));
        // with nothing but its own output folder, a guest cannot make a file call block
        let blocking = request.dirs.is_empty();
        let outbound = Outbound::new(std::mem::take(&mut request.http_out));
        let (mut builder, states) = wasi(request, blocking)?;
        let states = States::new(states, base.host_call_bytes);
        Ok(Self { base, table, wasi: builder.build(), http: WasiHttpCtx::new(), outbound, states })
    }

    fn base(&mut self) -> &mut Base {
        &mut self.base
    }
}

impl Host for ModuleHost {
    fn build(request: RunRequest, watch: &Arc<Watch>) -> Result<Self, Stop> {
        let base = Base::new(&request, watch);
        let handles = handles(&request);
        // wasmtime-wasi would sleep on the guest's thread otherwise, where no cancel reaches it
        let (mut builder, _) = wasi(request, false)?;
        let mut wasi = builder.build_p1();
        wasi.ctx().table.set_max_capacity(handles);
        Ok(Self { base, wasi })
    }

    fn base(&mut self) -> &mut Base {
        &mut self.base
    }
}

impl Base {
    fn new(request: &RunRequest, watch: &Arc<Watch>) -> Self {
        let limits = &request.limits;
        Self {
            memory: MemoryBudget::new(limits.memory_bytes, Arc::clone(watch)),
            out: request.out_dir.as_ref().map(|dir| {
                let foreign = !request.dirs.is_empty();
                Arc::new(Mutex::new(OutQuota::new(dir.clone(), limits.output_bytes, foreign)))
            }),
            host_call_bytes: limits.host_call_bytes,
        }
    }
}

fn handles(request: &RunRequest) -> usize {
    usize::try_from(request.limits.handles).unwrap_or(usize::MAX)
}

type BoundStates = Vec<(String, vyr_state::Binding)>;

fn wasi(request: RunRequest, blocking: bool) -> Result<(WasiCtxBuilder, BoundStates), Stop> {
    let limits = request.limits;
    let mut builder = WasiCtxBuilder::new();
    builder
        .args(&request.args)
        .stdin(Input::new(request.stdin))
        .stdout(Output::new(request.stdout, limits.stdout_bytes, LimitKind::Stdout))
        .stderr(Output::new(request.stderr, limits.stderr_bytes, LimitKind::Stderr))
        .allow_blocking_current_thread(blocking)
        .max_random_size(limits.host_call_bytes)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false);
    if let Some(determinism) = request.determinism {
        determinism::apply(determinism, &mut builder);
    }
    for env in &request.env {
        builder.env(&env.name, &env.value);
    }
    for DirGrant { host_path, guest_path, read_only } in &request.dirs {
        let perms = if *read_only { FsPerms::ReadOnly } else { FsPerms::ReadWrite };
        builder
            .preopened_dir(host_path, guest_path, perms)
            .map_err(|error| Stop::Grant(cannot_open("granted folder", host_path, &error)))?;
    }
    if let Some(dir) = &request.out_dir {
        builder.preopened_dir(dir, OUT_GUEST_PATH, FsPerms::ReadWrite).map_err(|error| {
            Stop::Internal(cannot_open("output folder", &dir.display().to_string(), &error))
        })?;
    }
    Ok((builder, request.states))
}

fn cannot_open(what: &str, path: &str, error: &wasmtime::Error) -> String {
    format!("failed to open the {what} `{path}`: {error:#}")
}

impl WasiView for ComponentHost {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for ComponentHost {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.outbound, table: &mut self.table, ctx: &mut self.http }
    }
}
