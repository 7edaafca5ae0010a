//! Every input that the fuzzer kept, through the very functions that it runs, on a stable compiler.

#![expect(clippy::unwrap_used, reason = "a test ends where its assumption does")]

use std::{
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use vyr_fuzz::{control, layout, manifest, record_frame, record_open, trace_filter};

/// Gives each input of a target's corpus to `run`; all of them, then tells which failed.
fn replay(target: &str, run: impl Fn(&[u8])) {
    // not the folder at compile time: clones may share a target folder
    let package = env::var_os("CARGO_MANIFEST_DIR").unwrap();
    let folder = Path::new(&package).join("../../fuzz/corpus").join(target);
    let mut inputs: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    assert!(inputs.len() >= 50, "`{}` has {} inputs", folder.display(), inputs.len());
    let fails = |path: &&std::path::PathBuf| {
        let data = fs::read(path).unwrap();
        catch_unwind(AssertUnwindSafe(|| run(&data))).is_err()
    };
    let failed: Vec<_> = inputs.iter().filter(fails).collect();
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn manifests() {
    replay("manifest", manifest::run);
}

#[test]
fn layouts() {
    let home = tempfile::tempdir().unwrap();
    replay("layout", |data| layout::run(home.path(), data));
}

#[test]
fn calls() {
    replay("control", control::run);
}

#[test]
fn trace_filters() {
    replay("trace_filter", trace_filter::run);
}

#[test]
fn record_frames() {
    replay("record_frame", record_frame::run);
}

#[test]
fn records() {
    let home = tempfile::tempdir().unwrap();
    replay("record_open", |data| record_open::run(home.path(), data));
}
