use std::{sync::Arc, time::SystemTime};

use vyr_model::Terminal;
use wasmtime::{Store, UpdateDeadline};

use super::{
    engine::Metering,
    error::Stop,
    guard::guarded,
    host::{ComponentHost, Host, ModuleHost},
    outcome,
    program::{Linked, Program},
    runtime::Runtime,
    watch::{Next, Watch},
};
use crate::{RunOutcome, RunRequest};

/// Epochs between two looks of a guest at its watch.
const EPOCHS: u64 = 1;

impl Runtime {
    /// Runs `program` once, from its start to its end, on the calling task.
    ///
    /// Needs a tokio runtime with I/O and time. A guest that computes keeps the thread for some milliseconds at
    /// a time: give guests a runtime of their own. Dropping the future ends the guest.
    pub async fn run(&self, program: &Program, request: RunRequest) -> RunOutcome {
        let cancel = request.cancel.clone();
        let permit = tokio::select! {
            biased;
            permit = self.permit() => Some(permit),
            () = cancel.requested() => None,
        };
        let prepared = SystemTime::now();
        let outside = (cancel, request.used.clone());
        let watch = Watch::new(&request.limits, outside, self.courtesy().clone(), self.ticker().haste());
        let terminal = match permit {
            Some(_permit) => {
                let _running = self.ticker().enter();
                execute(program, request, &watch).await
            }
            None => watch.verdict().map_or_else(outcome::stopped, |()| Terminal::Cancelled),
        };
        RunOutcome {
            terminal,
            prepared,
            started: watch.started(),
            ended: SystemTime::now(),
            cpu: watch.cpu(),
        }
    }
}

async fn execute(program: &Program, request: RunRequest, watch: &Arc<Watch>) -> Terminal {
    let exact = request.limits.fuel.is_some() || request.determinism.is_some();
    if exact && program.metering() == Metering::Time {
        let text = "a task with a fuel limit, or a deterministic one, needs code that was compiled with fuel metering".into();
        return outcome::stopped(Stop::Internal(text));
    }
    let ended = match program.linked() {
        Linked::Component(_) => guarded(watch, component(program, request, watch)).await,
        Linked::Module(_) => guarded(watch, module(program, request, watch)).await,
    };
    match ended {
        Ok(Ok(code)) => outcome::exited(code),
        Ok(Err(error)) => outcome::failed(&error, watch),
        Err(stop) => outcome::stopped(stop),
    }
}

async fn component(program: &Program, request: RunRequest, watch: &Arc<Watch>) -> wasmtime::Result<i32> {
    let Linked::Component(command) = program.linked() else { return Err(mismatch().into()) };
    let mut store = store::<ComponentHost>(program, request, watch)?;
    let command = command.instantiate_async(&mut store).await?;
    watch.mark_started();
    let result = command.wasi_cli_run().call_run(&mut store).await;
    settle(&mut store, result.map(|result| i32::from(result.is_err())))
}

async fn module(program: &Program, request: RunRequest, watch: &Arc<Watch>) -> wasmtime::Result<i32> {
    let Linked::Module(module) = program.linked() else { return Err(mismatch().into()) };
    let mut store = store::<ModuleHost>(program, request, watch)?;
    let instance = module.instantiate_async(&mut store).await?;
    let start = instance.get_typed_func::<(), ()>(&mut store, super::program::START)?;
    watch.mark_started();
    let result = start.call_async(&mut store, ()).await;
    settle(&mut store, result.map(|()| 0))
}

fn mismatch() -> Stop {
    Stop::Internal("the program is of another kind".into())
}

/// The guest is done: takes its exit code, then holds `/out` to its limit.
fn settle<H: Host>(store: &mut Store<H>, result: wasmtime::Result<i32>) -> wasmtime::Result<i32> {
    let code = result.or_else(|error| outcome::exit_code(&error).ok_or(error))?;
    if let Some(quota) = &store.data_mut().base().out {
        quota.lock().settle()?;
    }
    Ok(code)
}

fn store<H: Host>(program: &Program, request: RunRequest, watch: &Arc<Watch>) -> wasmtime::Result<Store<H>> {
    let limits = request.limits;
    let mut store = Store::new(program.engine(), H::build(request, watch)?);
    store.limiter(|host| host.limiter());
    store.set_hostcall_fuel(usize::try_from(limits.host_call_bytes).unwrap_or(usize::MAX));
    if program.metering() == Metering::Fuel {
        store.set_fuel(limits.fuel.unwrap_or(u64::MAX))?;
    }
    store.set_epoch_deadline(EPOCHS);
    let watch = Arc::clone(watch);
    store.epoch_deadline_callback(move |_| {
        Ok(match watch.tick()? {
            Next::GoOn => UpdateDeadline::Continue(EPOCHS),
            // unlike waking oneself at once, this lets the thread look after its sockets and timers too
            Next::Yield => UpdateDeadline::YieldCustom(EPOCHS, Box::pin(tokio::task::yield_now())),
            Next::StandAside => {
                let watch = Arc::clone(&watch);
                UpdateDeadline::YieldCustom(EPOCHS, Box::pin(async move { watch.stand_aside().await }))
            }
        })
    });
    Ok(store)
}
