//! The chain in a box: LiteSVM behind surfpool's RPC, kept in an SQLite file.
//!
//! It differs from a real chain in what a restart does. Its time goes on from the last checkpoint, so the
//! checkpoint is written well ahead of the chain: after a crash no slot comes twice, and what was signed before it
//! has expired. Its clock would begin anew at each start, and is set right here.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use surfpool_core::storage::StorageFifoMap;
use surfpool_core::surfnet::locker::SurfnetSvmLocker;
use surfpool_core::surfnet::svm::{SurfnetSvm, SurfnetSvmConfig};
use surfpool_types::{
    BlockProductionMode, RpcConfig, SimnetCommand, SimnetConfig, SimnetEvent, SurfpoolConfig,
};
use tokio::sync::oneshot;

use crate::Run;
use crate::state::State;

const READY: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(10);
/// Between two checkpoints.
const CHECKPOINT: Duration = Duration::from_secs(1);
/// Blocks for which a transaction may name another one.
const BLOCKHASH_LIFE: u64 = 150;
/// How far behind a checkpoint may be, in times of its interval: a machine under load is late.
const LATE: u64 = 10;
/// Where surfpool keeps the newest slot.
const LATEST_SLOT: &str = "latest_slot";

pub(crate) struct Boxed {
    commands: Sender<SimnetCommand>,
    stopped: crossbeam_channel::Receiver<()>,
    ended: Option<oneshot::Receiver<String>>,
    over: Arc<AtomicBool>,
}

impl Boxed {
    pub(crate) fn start(options: &Run, state: &State) -> Result<Self> {
        let (locker, events, geyser) = open(&state.path("chain.sqlite"), options.slot_ms)?;
        let (commands, commands_rx) = crossbeam_channel::unbounded();
        let config = config(options);
        let over = Arc::new(AtomicBool::new(false));
        let (fail, ended) = oneshot::channel();
        let (commands_for_loop, runtime) = (commands.clone(), tokio::runtime::Handle::current());
        let chain = locker.clone();
        thread("chain", move || {
            let run = surfpool_core::runloops::start_local_surfnet_runloop(
                chain,
                config,
                commands_for_loop,
                commands_rx,
                geyser,
            );
            let why = runtime.block_on(run).err().map_or("it ended".to_owned(), |error| error.to_string());
            let _ = fail.send(why);
        })?;
        wait_until_ready(&events)?;
        let stopped = drain(events)?;
        checkpoint(locker, options.slot_ms, Arc::clone(&over))?;
        Ok(Self { commands, stopped, ended: Some(ended), over })
    }

    pub(crate) async fn ended(&mut self) -> anyhow::Error {
        match self.ended.take() {
            Some(ended) => match ended.await {
                Ok(why) => anyhow!("the chain in a box ended: {why}"),
                Err(_) => anyhow!("the chain in a box ended"),
            },
            None => std::future::pending().await,
        }
    }

    pub(crate) fn stop(self) -> Result<()> {
        self.over.store(true, Ordering::Relaxed);
        let told = self.commands.send(SimnetCommand::Terminate(None));
        if told.is_ok() && self.stopped.recv_timeout(STOP) == Err(RecvTimeoutError::Timeout) {
            bail!("the chain in a box does not end");
        }
        Ok(())
    }
}

fn config(options: &Run) -> SurfpoolConfig {
    SurfpoolConfig {
        simnets: vec![SimnetConfig {
            offline_mode: true,
            remote_rpc_url: None,
            slot_time: options.slot_ms,
            block_production_mode: BlockProductionMode::Clock,
            instruction_profiling_enabled: false,
            ..SimnetConfig::default()
        }],
        rpc: RpcConfig {
            bind_host: "127.0.0.1".to_owned(),
            bind_port: options.rpc_port,
            ws_port: options.ws_port,
            ..RpcConfig::default()
        },
        ..SurfpoolConfig::default()
    }
}

type Opened = (SurfnetSvmLocker, Receiver<SimnetEvent>, Receiver<surfpool_core::surfnet::GeyserEvent>);

fn open(database: &Path, slot_ms: u64) -> Result<Opened> {
    let path = database.to_str().context("the state folder's name is no UTF-8")?;
    let config = SurfnetSvmConfig {
        slot_time: slot_ms,
        instruction_profiling_enabled: false,
        log_bytes_limit: Some(10_000),
        ..SurfnetSvmConfig::default()
    };
    let (mut svm, events, geyser) = SurfnetSvm::new_with_db(Some(path), config)
        .map_err(|error| anyhow!("cannot open the chain in `{path}`: {error}"))?;
    // its clock counts from here; without this it would be ahead by the chain's whole age
    let age = svm.latest_epoch_info.absolute_slot.saturating_sub(svm.genesis_slot).saturating_mul(slot_ms);
    svm.genesis_updated_at = now_ms().saturating_sub(age);
    svm.reconstruct_sysvars();
    // what each transaction touched, before and after: nobody asks for it, and it would fill the disk
    svm.executed_transaction_profiles = Box::new(StorageFifoMap::new(1));
    // descriptions of well-known programs: the next start would read them all
    svm.registered_idls.clear().map_err(|error| anyhow!("cannot write to the chain in `{path}`: {error}"))?;
    // its own checkpoints are not ahead: never
    svm.last_checkpoint_slot = u64::MAX;
    Ok((SurfnetSvmLocker::new(svm), events, geyser))
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn wait_until_ready(events: &Receiver<SimnetEvent>) -> Result<()> {
    let start = Instant::now();
    loop {
        match events.recv_timeout(READY.saturating_sub(start.elapsed())) {
            Ok(SimnetEvent::CoreStarted(_)) => return Ok(()),
            Ok(SimnetEvent::Aborted(why)) => bail!("the chain in a box cannot start: {why}"),
            Ok(SimnetEvent::ErrorLog(_, why)) => eprintln!("chain: {why}"),
            Ok(SimnetEvent::Shutdown) => bail!("the chain in a box ended while it started"),
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => bail!("the chain in a box does not start"),
            Err(RecvTimeoutError::Disconnected) => {
                bail!("the chain in a box cannot start (is a port taken?)")
            }
        }
    }
}

/// Its events must go somewhere. Both RPC servers say when they are down; then the receiver hears of it.
fn drain(events: Receiver<SimnetEvent>) -> Result<crossbeam_channel::Receiver<()>> {
    let (down, stopped) = crossbeam_channel::bounded(1);
    thread("events", move || {
        let mut servers = 2_u8;
        for event in events {
            match event {
                SimnetEvent::Shutdown => servers = servers.saturating_sub(1),
                // who sent a transaction is told why it failed
                SimnetEvent::ErrorLog(_, why) if why.contains("transaction") => {}
                SimnetEvent::ErrorLog(_, why) => eprintln!("chain: {why}"),
                _ => {}
            }
            if servers == 0 {
                let _ = down.send(());
                return;
            }
        }
    })?;
    Ok(stopped)
}

fn checkpoint(locker: SurfnetSvmLocker, slot_ms: u64, over: Arc<AtomicBool>) -> Result<()> {
    let runtime = tokio::runtime::Handle::current();
    let slots = u64::try_from(CHECKPOINT.as_millis())?.div_ceil(slot_ms).saturating_mul(LATE);
    thread("checkpoint", move || {
        let _context = runtime.enter();
        while !over.load(Ordering::Relaxed) {
            locker.with_svm_writer(move |svm| {
                let ahead = svm.latest_epoch_info.absolute_slot.saturating_add(BLOCKHASH_LIFE + slots);
                if let Err(error) = svm.slot_checkpoint.store(LATEST_SLOT.to_owned(), ahead) {
                    eprintln!("cannot write a checkpoint: {error}");
                }
            });
            std::thread::sleep(CHECKPOINT);
        }
    })
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map(drop).context("cannot start a thread")
}
