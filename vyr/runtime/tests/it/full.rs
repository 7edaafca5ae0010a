//! Heavy ones: `cargo test -- --ignored full::`.

use std::io::Write;

use vyr_runtime::{OutputSink, SinkError, Stdin};

use crate::support::{Task, guest};

const GIB: u64 = 1 << 30;

/// Counts bytes and checks that they are those of [`pattern`].
struct Checked(u64);

fn pattern() -> Vec<u8> {
    (0..=250_u8).cycle().take(251 * 256).collect()
}

impl OutputSink for Checked {
    fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        for byte in bytes {
            assert_eq!(u64::from(*byte), self.0 % 251);
            self.0 += 1;
        }
        Ok(())
    }
}

fn resident_peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test]
#[ignore = "streams a gibibyte"]
async fn a_gibibyte_streams_through_in_constant_memory() {
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
            request.stdout = Box::new(Checked(0));
        });
        task.run(&program).await.succeeded();
        let grown = resident_peak() - before;
        assert!(grown < 32 << 20, "{name} grew the process by {grown} bytes");
    }
}
