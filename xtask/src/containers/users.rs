//! Who uses the private engine: it is started by the first and stopped by the last.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::Engine;
use super::private::Private;
use crate::place::Place;

/// An engine, and the word that somebody uses it.
pub(crate) struct Held {
    /// The engine.
    pub(crate) engine: Engine,
    /// Of the private engine alone.
    users: Option<Users>,
}

/// Locks below the private engine's folder. Whoever starts or stops it holds `turn`; each user shares `users`.
struct Users {
    private: Private,
    shared: Option<File>,
}

impl Held {
    /// An engine that is not ours to stop.
    pub(super) fn of_another(engine: Engine) -> Self {
        Self { engine, users: None }
    }

    /// Lets the private engine stay when its users are gone.
    pub(super) fn keep(&self) -> io::Result<()> {
        match &self.users {
            Some(users) => fs::write(users.keep(), ""),
            None => Ok(()),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(users) = &mut self.users
            && let Err(error) = users.leave()
        {
            eprintln!("the private container engine was not stopped: {error:#}");
        }
    }
}

impl Users {
    fn of(private: Private) -> Result<Self> {
        fs::create_dir_all(&private.dir)
            .with_context(|| format!("cannot make `{}`", private.dir.display()))?;
        Ok(Self { private, shared: None })
    }

    fn keep(&self) -> PathBuf {
        self.private.dir.join("keep")
    }

    fn open(&self, name: &str) -> Result<File> {
        let path = self.private.dir.join(name);
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        file.with_context(|| format!("cannot open `{}`", path.display()))
    }

    /// Waits until nobody else starts or stops the engine.
    fn turn(&self) -> Result<File> {
        let turn = self.open("turn.lock")?;
        turn.lock().context("cannot lock the private engine's folder")?;
        Ok(turn)
    }

    /// Stops using it, and stops it where nobody else uses it.
    fn leave(&mut self) -> Result<()> {
        let _turn = self.turn()?;
        self.shared = None;
        if self.keep().exists() || self.is_used()? {
            return Ok(());
        }
        self.private.stop()
    }

    fn is_used(&self) -> Result<bool> {
        match self.open("users.lock")?.try_lock() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error).context("cannot lock the private engine's folder"),
        }
    }
}

/// Makes sure of the private engine.
pub(super) fn hold(place: &Place) -> Result<Held> {
    let mut users = Users::of(Private::of(place))?;
    let _turn = users.turn()?;
    let engine = users.private.start(place)?;
    let shared = users.open("users.lock")?;
    shared.lock_shared().context("cannot lock the private engine's folder")?;
    users.shared = Some(shared);
    Ok(Held { engine, users: Some(users) })
}

/// Stops the private engine, unless it is used at this moment.
pub(super) fn stop(place: &Place) -> Result<()> {
    let users = Users::of(Private::of(place))?;
    let _turn = users.turn()?;
    let _ = fs::remove_file(users.keep());
    if users.is_used()? {
        bail!("a test or demo uses it at this moment; its end stops it");
    }
    users.private.stop()
}
