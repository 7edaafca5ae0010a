use std::{
    ffi::OsStr,
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
};

use super::binary;

/// One call of the `vyr` binary, in a clean environment.
pub(crate) struct Cli {
    command: Command,
    stdin: Vec<u8>,
}

/// What it said.
#[derive(Debug)]
pub(crate) struct Said {
    /// `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Cli {
    pub(crate) fn new(home: &Path) -> Self {
        Self::of(Command::new(binary()), home)
    }

    /// Starts it behind a line of shell, which ends in `exec "$@"`.
    pub(crate) fn behind(home: &Path, line: &str) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", line, "sh"]).arg(binary());
        Self::of(shell, home)
    }

    fn of(mut command: Command, home: &Path) -> Self {
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", home).env("VYR_HOME", home).current_dir(home);
        Self { command, stdin: Vec::new() }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn current_dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    pub(crate) fn stdin(mut self, bytes: &[u8]) -> Self {
        self.stdin = bytes.to_vec();
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(mut self) -> Said {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let stdin = self.stdin;
        // a guest need not read its input: a broken pipe is no error
        let writer = thread::spawn(move || drop(pipe.write_all(&stdin)));
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Said { code: status.code(), stdout, stderr }
    }

    /// Runs it; it must succeed. Returns stdout.
    pub(crate) fn ok(self) -> String {
        let said = self.run();
        assert_eq!(said.code, Some(0), "{}{}", said.out(), said.err());
        said.out()
    }

    /// Runs it with `-o json`; it must succeed. Returns the JSON values, one a line.
    pub(crate) fn json(self) -> Vec<serde_json::Value> {
        let out = self.env("NO_COLOR", "1").arg("-o").arg("json").ok();
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Returns the command itself, for a process that is to be watched or killed.
    pub(crate) fn into_command(self) -> Command {
        self.command
    }
}

impl Said {
    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub(crate) fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}
