//! The `cyxwiz` command with a person at a terminal.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// What is not shown in this time is never shown.
const PATIENCE: Duration = Duration::from_secs(60);

/// A command on a terminal of its own.
pub(crate) struct Terminal {
    child: Child,
    keys: File,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Starts it as the terminal's foreground job.
    pub(crate) fn start(command: &Command) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let slave = || Stdio::from(File::options().read(true).write(true).open(&name).unwrap());
        // a session whose terminal this is, so that its keys are signals
        let mut shell = Command::new("setsid");
        shell.arg("--ctty").arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell.env("TERM", "xterm").current_dir(command.get_current_dir().unwrap());
        let child = shell.stdin(slave()).stdout(slave()).stderr(slave()).spawn().unwrap();
        // it keeps the other end open as long as this lives
        drop(shell);
        let keys = File::from(master);
        let (mut screen, shown) = (keys.try_clone().unwrap(), Arc::<Mutex<Vec<u8>>>::default());
        let seen = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // an error is the end of the last process there
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                seen.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        Self { child, keys, shown }
    }

    /// All that was shown so far.
    pub(crate) fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// Waits until something is shown.
    pub(crate) fn until(&self, words: &str) {
        let start = Instant::now();
        while !self.shown().contains(words) {
            assert!(start.elapsed() < PATIENCE, "`{words}` was never shown: {}", self.shown());
            std::thread::yield_now();
        }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits for its end; its exit code.
    pub(crate) fn end(mut self) -> (i32, String) {
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        // what it said last may still be on its way
        let (start, mut before) = (Instant::now(), usize::MAX);
        while before != self.shown().len() && start.elapsed() < PATIENCE {
            before = self.shown().len();
            std::thread::sleep(Duration::from_millis(100));
        }
        (code, self.shown())
    }
}
