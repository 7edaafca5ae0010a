//! A record whose one segment holds arbitrary frames: opening repairs it, and what is left reads.
//!
//! The input is frames' contents with a byte 0xff between two; an empty one puts five bad bytes there.
#![no_main]

use std::{fs, path::PathBuf, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use vyr_telemetry::record::{HistoryQuery, Order, Record, RecordOptions};

const HEAD: [u8; 16] = *b"VYRREC\0\x01\x01\0\0\0\0\0\0\0";

/// A folder in memory where there is one, else among the temporary files.
static HOME: LazyLock<PathBuf> = LazyLock::new(|| {
    let shm = PathBuf::from("/dev/shm");
    let parent = if shm.is_dir() { shm } else { std::env::temp_dir() };
    let dir = tempfile::Builder::new().prefix("vyr-fuzz-record").tempdir_in(parent).expect("a folder");
    dir.keep()
});

static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"));

fuzz_target!(|data: &[u8]| {
    let dir = HOME.join("record");
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).expect("a folder");
    let mut bytes = HEAD.to_vec();
    for content in data.split(|byte| *byte == 0xff) {
        if content.is_empty() {
            bytes.extend_from_slice(b"\x07\0\0\0?");
            continue;
        }
        bytes.extend_from_slice(&(content.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&crc32c::crc32c(content).to_le_bytes());
        bytes.extend_from_slice(content);
    }
    fs::write(dir.join("00000001.seg"), &bytes).expect("a write");
    let first = open_and_read(&dir);
    let second = open_and_read(&dir);
    assert_eq!(first, second, "a second opening finds other tasks than the first");
});

/// Opens, reads the history, closes; returns how many tasks were queued, started and ended.
fn open_and_read(dir: &std::path::Path) -> (usize, usize, usize) {
    let (record, recovery) = Record::open(dir, RecordOptions::default()).expect("damage is set aside");
    let ended = RUNTIME.block_on(async {
        let query = HistoryQuery { filter: Default::default(), order: Order::OldestFirst, limit: None };
        let ended = record.history(query).await.filter(|ended| ended.is_ok()).count();
        record.close().await;
        ended
    });
    (recovery.queued.len(), recovery.started.len(), ended)
}
