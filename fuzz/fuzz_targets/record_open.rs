#![no_main]

use std::{path::PathBuf, sync::LazyLock};

use libfuzzer_sys::fuzz_target;

/// A folder in memory where there is one, else among the temporary files.
static HOME: LazyLock<PathBuf> = LazyLock::new(|| {
    let shm = PathBuf::from("/dev/shm");
    let parent = if shm.is_dir() { shm } else { std::env::temp_dir() };
    let dir = tempfile::Builder::new().prefix("vyr-fuzz-record_open").tempdir_in(parent).expect("a folder");
    dir.keep()
});

fuzz_target!(|data: &[u8]| vyr_fuzz::record_open::run(&HOME, data));
