//! Heavy ones: `./x test --full`.

use std::io::Write;

use vyr_runtime::{OutputSink, SinkError, Stdin};

use crate::support::{Task, guest};

const GIB: u64 = 1 << 30;

const PERIOD: usize = 251;

/// Counts bytes and checks that they are those of [`pattern`].
struct Checked {
    pattern: Vec<u8>,
    at: usize,
}

fn pattern() -> Vec<u8> {
    (0..=250_u8).cycle().take(PERIOD * 512).collect()
}

impl OutputSink for Checked {
    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        let phase = self.at % PERIOD;
        assert!(bytes == &self.pattern[phase..phase + bytes.len()], "at byte {}", self.at);
        self.at += bytes.len();
        Ok(())
    }
}

fn resident_peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// Says that this process runs one test and no other, so that its memory is that test's.
const ALONE: &str = "VYR_TEST_ALONE";

#[tokio::test]
async fn a_gibibyte_streams_through_in_constant_memory() {
    if std::env::var_os(ALONE).is_none() {
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "full::a_gibibyte_streams_through_in_constant_memory"])
            .env(ALONE, "1")
            .status();
        assert!(status.unwrap().success());
        return;
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let block = pattern();
    let mut length = 0;
    while length < GIB {
        file.write_all(&block).unwrap();
        length += block.len() as u64;
    }
    for name in ["echo", "echo.p1"] {
        let program = guest(name);
        let before = resident_peak();
        let input = std::fs::File::open(file.path()).unwrap();
        let task = Task::new(&[]).limits(|l| l.stdout_bytes = u64::MAX).with(|request| {
            request.stdin = Stdin::File(input);
            request.stdout = Box::new(Checked { pattern: pattern(), at: 0 });
        });
        task.run(&program).await.succeeded();
        let grown = resident_peak() - before;
        assert!(grown < 32 << 20, "{name} grew the process by {grown} bytes");
    }
}
