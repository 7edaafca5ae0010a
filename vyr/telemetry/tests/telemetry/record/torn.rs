use std::{fs, path::Path};

use vyr_telemetry::record::RecordOptions;

use crate::support::{accepted, ended, open, put, queued, started, task};

fn segment(dir: &Path) -> std::path::PathBuf {
    dir.join("00000001.seg")
}

#[tokio::test]
async fn a_cut_at_every_byte_of_the_tail_keeps_the_prefix() {
    let dir = tempfile::tempdir().unwrap();
    let (record, _) = open(dir.path(), RecordOptions::default());
    let mut ends = Vec::new();
    let entries = [
        accepted(task(1), ""),
        accepted(task(2), "key"),
        started(task(1), 1),
        accepted(task(3), ""),
        ended(task(1)),
        accepted(task(4), ""),
    ];
    for entry in &entries {
        put(&record, entry).await;
        ends.push(record.stats().bytes);
    }
    drop(record);
    let whole = fs::read(segment(dir.path())).unwrap();
    assert_eq!(whole.len() as u64, *ends.last().unwrap());

    let copy = tempfile::tempdir().unwrap();
    for cut in ends[2]..=ends[5] {
        fs::write(segment(copy.path()), &whole[..cut as usize]).unwrap();
        let (record, recovery) = open(copy.path(), RecordOptions::default());
        let kept = ends.iter().filter(|end| **end <= cut).count();
        let expected = match kept {
            3 => vec![task(2)],
            4 | 5 => vec![task(2), task(3)],
            _ => vec![task(2), task(3), task(4)],
        };
        assert_eq!(queued(&recovery), expected, "cut at {cut}");
        assert_eq!(recovery.started.len(), usize::from(kept < 5), "cut at {cut}");
        assert_eq!(record.stats().bytes, ends[kept - 1]);
        assert!(recovery.damage.is_empty());
        if cut > ends[kept - 1] + 8 {
            assert!(recovery.torn_bytes > 0, "cut at {cut}");
        }
    }
}

#[tokio::test]
async fn goes_on_writing_after_a_torn_tail() {
    let dir = tempfile::tempdir().unwrap();
    let (record, _) = open(dir.path(), RecordOptions::default());
    put(&record, &accepted(task(1), "")).await;
    put(&record, &accepted(task(2), "")).await;
    drop(record);
    let whole = fs::read(segment(dir.path())).unwrap();
    fs::write(segment(dir.path()), &whole[..whole.len() - 3]).unwrap();
    let (record, _) = open(dir.path(), RecordOptions::default());
    put(&record, &accepted(task(3), "")).await;
    drop(record);
    let (_record, recovery) = open(dir.path(), RecordOptions::default());
    assert_eq!(queued(&recovery), [task(1), task(3)]);
    assert_eq!(recovery.torn_bytes, 0);
}

#[tokio::test]
async fn a_segment_that_was_being_made_is_made_again() {
    for length in [0, 1, 15, 16] {
        let dir = tempfile::tempdir().unwrap();
        let (record, _) = open(dir.path(), RecordOptions::default());
        put(&record, &accepted(task(1), "")).await;
        drop(record);
        let head = fs::read(segment(dir.path())).unwrap();
        let mut next = head[..length].to_vec();
        if length == 16 {
            next[8] = 2;
        }
        fs::write(dir.path().join("00000002.seg"), next).unwrap();
        let (record, recovery) = open(dir.path(), RecordOptions::default());
        assert_eq!(queued(&recovery), [task(1)], "length {length}");
        put(&record, &accepted(task(2), "")).await;
        drop(record);
        let (_record, recovery) = open(dir.path(), RecordOptions::default());
        assert_eq!(queued(&recovery), [task(1), task(2)], "length {length}");
    }
}
