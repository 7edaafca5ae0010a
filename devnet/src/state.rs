//! The folder: one chain and its wallets, used by one process at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cyxwiz_chain::{KeyError, create_keypair, read_keypair};
use sha2::{Digest as _, Sha256};
use solana_keypair::{Keypair, keypair_from_seed};

use crate::report::Report;

/// How long a stop may take: the chain in a box writes its database together.
const STOP: Duration = Duration::from_secs(20);
/// A starting process has its lock before its report.
const ANNOUNCE: Duration = Duration::from_secs(120);

/// A folder that this process holds.
pub(crate) struct State {
    dir: PathBuf,
    _lock: File,
}

/// What opening a folder finds.
pub(crate) enum Opened {
    Ours(State),
    Running(Report),
}

impl State {
    /// Takes the folder, or finds that a process runs on it.
    pub(crate) fn open(dir: &Path) -> Result<Opened> {
        fs::create_dir_all(dir.join("wallets"))
            .with_context(|| format!("cannot create `{}`", dir.display()))?;
        let mut lock = lock_file(dir)?;
        match lock.try_lock() {
            Ok(()) => {
                let _ = fs::remove_file(dir.join("addresses.json"));
                lock.set_len(0)?;
                lock.rewind()?;
                write!(lock, "{}", std::process::id())?;
                Ok(Opened::Ours(Self { dir: dir.to_owned(), _lock: lock }))
            }
            Err(TryLockError::WouldBlock) => announced(dir).map(Opened::Running),
            Err(TryLockError::Error(error)) => Err(error).context("cannot lock the state folder"),
        }
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A wallet's file.
    pub(crate) fn wallet_path(&self, name: &str) -> PathBuf {
        self.dir.join("wallets").join(format!("{name}.json"))
    }

    /// A wallet, made at first use.
    pub(crate) fn wallet(&self, name: &str) -> Result<Keypair> {
        let path = self.wallet_path(name);
        match read_keypair(&path) {
            Err(KeyError::Missing(_)) => Ok(create_keypair(&path)?),
            other => Ok(other?),
        }
    }

    /// Tells those who come later where everything is.
    pub(crate) fn announce(&self, report: &Report) -> Result<()> {
        let (path, next) = (self.path("addresses.json"), self.path("addresses.json.new"));
        fs::write(&next, report.json()?)?;
        fs::rename(next, path).context("cannot write the addresses")
    }
}

/// A key that everybody can make again: the addresses of the program and of the test USDC are the same on every
/// machine. Worth nothing on any other chain.
pub(crate) fn published_key(seed: &str) -> Result<Keypair> {
    keypair_from_seed(&Sha256::digest(seed)).map_err(|error| anyhow::anyhow!("no key of a seed: {error}"))
}

fn lock_file(dir: &Path) -> Result<File> {
    let path = dir.join("lock");
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.open(&path).with_context(|| format!("cannot open `{}`", path.display()))
}

fn announced(dir: &Path) -> Result<Report> {
    let start = Instant::now();
    loop {
        if let Ok(text) = fs::read_to_string(dir.join("addresses.json")) {
            return Report::read(&text);
        }
        if start.elapsed() > ANNOUNCE {
            bail!("a process holds `{}` and says nothing", dir.display());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Asks the process that holds the folder to end, and waits for it.
pub(crate) fn stop(dir: &Path) -> Result<()> {
    let mut lock = lock_file(dir)?;
    if lock.try_lock().is_ok() {
        bail!("nothing runs on `{}`", dir.display());
    }
    let mut pid = String::new();
    lock.read_to_string(&mut pid)?;
    let pid: u32 = pid.trim().parse().context("the lock names no process")?;
    let sent =
        Command::new("kill").args(["-TERM", &pid.to_string()]).status().context("cannot run `kill`")?;
    if !sent.success() {
        bail!("cannot stop process {pid}");
    }
    let start = Instant::now();
    while lock.try_lock().is_err() {
        if start.elapsed() > STOP {
            bail!("process {pid} does not end");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
