//! `vyr doctor` says what is wrong, by name and with the mend, and ends with 1.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use crate::support::{Cli, folder, guest};

/// Runs it both ways; returns the exit code, what JSON says of one check, and what a person reads.
fn doctor(home: &Path, check: &str) -> (Option<i32>, String, String) {
    let person = Cli::new(home).arg("doctor").run();
    let json = Cli::new(home).args(["-o", "json", "doctor"]).run();
    assert_eq!(json.code, person.code);
    let out = json.out();
    let checks = out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let found = checks.into_iter().find(|found| found["name"] == check).unwrap();
    (json.code, found["result"].as_str().unwrap().to_owned(), person.out())
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A home with one artifact, and its trust folder.
fn home() -> (tempfile::TempDir, PathBuf) {
    let dir = folder();
    set_mode(dir.path(), 0o700);
    Cli::new(dir.path()).args(["artifact", "put"]).arg(guest("noop")).ok();
    let (code, result, said) = doctor(dir.path(), "store");
    assert_eq!((code, result.as_str()), (Some(0), "ok"), "{said}");
    let trust = dir.path().join("trust");
    (dir, trust)
}

#[test]
fn a_home_that_others_may_enter() {
    let (home, _) = home();
    set_mode(home.path(), 0o755);
    let (code, result, said) = doctor(home.path(), "home");
    assert_eq!((code, result.as_str()), (Some(1), "bad"), "{said}");
    assert!(said.contains("mode 755") && said.contains("chmod 700"), "{said}");
}

#[test]
fn a_trust_folder_that_others_may_write() {
    let (home, trust) = home();
    set_mode(&trust, 0o777);
    let (code, result, said) = doctor(home.path(), "store");
    assert_eq!((code, result.as_str()), (Some(1), "bad"), "{said}");
    assert!(said.contains(trust.to_str().unwrap()) && said.contains("written by others"), "{said}");
    assert!(said.contains("chmod go-w"), "names the mend: {said}");
}

#[test]
fn an_artifact_that_cannot_be_read() {
    let (home, _) = home();
    let listed = Cli::new(home.path()).args(["artifact", "ls"]).json();
    let digest = listed[0]["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap().to_owned();
    let manifest = home.path().join("store/blobs/sha256").join(digest);
    set_mode(&manifest, 0o600);
    fs::write(&manifest, "{}").unwrap();
    let (code, result, said) = doctor(home.path(), "store");
    assert_eq!((code, result.as_str()), (Some(1), "bad"), "{said}");
    assert!(said.contains("1 artifacts, 1 that cannot be read") && said.contains("gc --remove"), "{said}");
}
