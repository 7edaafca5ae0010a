use std::fs;

use vyr_telemetry::record::{HistoryQuery, OnDamage, Record, RecordError, RecordOptions};

use crate::support::{accepted, ended, open, put, queued, small, task};

#[tokio::test]
async fn a_damaged_frame_costs_itself_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (record, _) = open(dir.path(), RecordOptions::default());
    let mut ends = vec![16];
    for number in 0..5 {
        put(&record, &accepted(task(number), "")).await;
        ends.push(record.stats().bytes as usize);
    }
    drop(record);
    let path = dir.path().join("00000001.seg");
    let whole = fs::read(&path).unwrap();
    for place in [ends[2], ends[2] + 5, ends[2] + 30, ends[3] - 1] {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x5a;
        fs::write(&path, &bytes).unwrap();

        let refuse = RecordOptions { on_damage: OnDamage::Refuse, ..RecordOptions::default() };
        let refused = Record::open(dir.path(), refuse);
        assert!(
            matches!(&refused, Err(RecordError::Damaged { offset, .. }) if *offset == ends[2] as u64),
            "{refused:?}"
        );
        assert_eq!(fs::read(&path).unwrap(), bytes, "a refusal changes nothing");

        let (record, recovery) = open(dir.path(), RecordOptions::default());
        assert_eq!(queued(&recovery), [task(0), task(1), task(3), task(4)], "byte {place}");
        assert_eq!(recovery.damage.len(), 1);
        let aside = recovery.damage[0].set_aside.as_ref().unwrap();
        assert_eq!(fs::read(aside).unwrap(), &bytes[ends[2]..ends[3]]);
        put(&record, &accepted(task(9), "")).await;
        drop(record);

        let (_record, recovery) = open(dir.path(), RecordOptions::default());
        assert!(recovery.damage.is_empty(), "mended once");
        assert_eq!(queued(&recovery), [task(0), task(1), task(3), task(4), task(9)]);
    }
}

#[tokio::test]
async fn damage_in_a_closed_segment_is_one_error_in_history() {
    let dir = tempfile::tempdir().unwrap();
    let (record, _) = open(dir.path(), small(6_000));
    for number in 0..20 {
        put(&record, &accepted(task(number), "")).await;
        put(&record, &ended(task(number))).await;
    }
    assert!(record.stats().segments > 2);
    let path = dir.path().join("00000001.seg");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1_000;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (good, bad): (Vec<_>, Vec<_>) =
        record.history(HistoryQuery::default()).await.partition(Result::is_ok);
    assert_eq!((good.len(), bad.len()), (19, 1));
    assert!(matches!(bad[0], Err(RecordError::Damaged { .. })));
}

#[tokio::test]
async fn lost_and_damaged_indexes_are_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let (record, _) = open(dir.path(), small(3_000));
    for number in 0..30 {
        put(&record, &accepted(task(number), &format!("key-{number}"))).await;
        if number % 3 != 0 {
            put(&record, &ended(task(number))).await;
        }
    }
    let segments = record.stats().segments;
    drop(record);
    assert!(segments > 4);
    let expected: Vec<_> = (0..30).step_by(3).map(task).collect();
    let index = |number| dir.path().join(format!("{number:08}.idx"));
    for break_it in 0..3 {
        match break_it {
            0 => fs::remove_file(index(2)).unwrap(),
            1 => fs::write(index(1), b"short").unwrap(),
            _ => {
                let mut bytes = fs::read(index(3)).unwrap();
                bytes[30] ^= 1;
                fs::write(index(3), bytes).unwrap();
            }
        }
        let (record, recovery) = open(dir.path(), small(3_000));
        assert_eq!(queued(&recovery), expected);
        assert!(recovery.segments_read > 1 && recovery.segments_read <= segments);
        for number in 0..30 {
            assert_eq!(record.ended(task(number)).await.unwrap().is_some(), number % 3 != 0);
            let by_key = record.accepted_with_key(&format!("key-{number}")).await.unwrap();
            assert_eq!(by_key.unwrap().task_id, task(number).as_bytes());
        }
        drop(record);
        let (_record, recovery) = open(dir.path(), small(3_000));
        assert_eq!(recovery.segments_read, 1, "indexes hold again");
    }
}
