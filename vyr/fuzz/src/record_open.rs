//! A record whose one segment holds arbitrary frames: opening repairs it, and what is left reads.
//!
//! The input is frames' contents with a byte 0xff between two; an empty one puts five bad bytes there.

use std::{fs, path::Path, sync::LazyLock};

use vyr_telemetry::record::{HistoryQuery, Order, Record, RecordOptions};

const HEAD: [u8; 16] = *b"VYRREC\0\x01\x01\0\0\0\0\0\0\0";

static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"));

/// Takes one input; `home` is a folder of its own.
pub fn run(home: &Path, data: &[u8]) {
    let dir = home.join("record");
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
}

/// Opens, reads the history, closes; returns how many tasks were queued, started and ended.
fn open_and_read(dir: &Path) -> (usize, usize, usize) {
    let (record, recovery) = Record::open(dir, RecordOptions::default()).expect("damage is set aside");
    let ended = RUNTIME.block_on(async {
        let query = HistoryQuery { filter: Default::default(), order: Order::OldestFirst, limit: None };
        let ended = record.history(query).await.filter(|ended| ended.is_ok()).count();
        record.close().await;
        ended
    });
    (recovery.queued.len(), recovery.started.len(), ended)
}
