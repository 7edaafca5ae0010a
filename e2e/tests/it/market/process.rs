use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::until;

/// Returns a binary of the market: the one that `name` in the environment says, else the one beside this test.
pub(crate) fn binary(name: &str, file: &str) -> PathBuf {
    if let Some(named) = std::env::var_os(name) {
        return named.into();
    }
    let test = std::env::current_exe().unwrap();
    let beside = test.parent().and_then(Path::parent).unwrap().join(file);
    assert!(beside.is_file(), "no {}: run `cargo build --workspace --bins`", beside.display());
    beside
}

/// A process whose words go to a file; killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    pub(crate) fn start(mut command: Command, log: &Path) -> Self {
        let out = File::options().create(true).append(true).open(log).unwrap();
        let err = out.try_clone().unwrap();
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().unwrap();
        Self { child, log: log.to_owned() }
    }

    /// Everything that it said.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until it says this.
    pub(crate) fn said(&mut self, what: &str) {
        let log = self.log.clone();
        self.until(what, || fs::read_to_string(&log).unwrap().contains(what));
    }

    /// Waits until this holds, as long as it lives.
    pub(crate) fn until(&mut self, what: &str, mut holds: impl FnMut() -> bool) {
        let (log, child) = (self.log.clone(), &mut self.child);
        until(what, || {
            let held = holds();
            let alive = child.try_wait().unwrap().is_none();
            assert!(held || alive, "it ended before `{what}`: {}", fs::read_to_string(&log).unwrap());
            held
        });
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// As a power cut would end it.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(60).collect();
            eprintln!("--- the end of {}", self.log.display());
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}
