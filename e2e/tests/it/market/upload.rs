use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use e2e::market::{Platform, Process, jobs};

/// What is uploaded: long enough to be cut off in its middle.
const BYTES: u64 = 384 << 20;

/// Says what it got.
const DIGEST: &str = r#"
import hashlib
with open("/job/data/weights.bin", "rb") as file:
    print("got", hashlib.file_digest(file, "sha256").hexdigest())
"#;

/// Files of the object folder above a size, by number, with their time.
fn parts(folder: &Path) -> Vec<(u64, i64, PathBuf)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    let below = |path: PathBuf| match path.symlink_metadata() {
        Ok(about) if about.is_dir() => parts(&path),
        Ok(about) if about.len() >= 1 << 20 => vec![(about.ino(), about.mtime(), path)],
        _ => Vec::new(),
    };
    let mut found: Vec<_> = paths.flat_map(below).collect();
    found.sort();
    found
}

#[test]
fn an_upload_that_was_cut_off_goes_on_with_the_same_command() {
    let platform = Platform::start();
    let _seller = platform.seller("seller");
    let buyer = platform.buyer();
    buyer.ok(&["wallet", "deposit", "1", "USDC"]);
    let folder = jobs::script(&platform, "big", DIGEST);
    File::create(folder.join("data/weights.bin")).unwrap().set_len(BYTES).unwrap();
    let objects = platform.server.data().join("objects");

    let submit =
        ["submit", folder.to_str().unwrap(), "--yes", "--detach", "--disk", "2", "--image", "python"];
    let mut command = buyer.command();
    command.args(submit);
    let mut first = Process::start(command, &platform.folder("logs").join("submit.log"));
    first.until("some parts are stored", || parts(&objects).len() >= 2);
    first.kill();
    let kept = parts(&objects);
    let had: u64 = kept.iter().map(|(_, _, path)| path.metadata().map_or(0, |about| about.len())).sum();
    assert!(had < BYTES, "it was killed too late");
    assert_eq!(buyer.balance("USDC"), (1_000_000, 0), "nothing is paid before everything is there");

    let job = buyer.json(&submit)["job"].as_str().unwrap().to_owned();
    // what was there was not sent again
    let now = parts(&objects);
    assert!(kept.iter().all(|part| now.contains(part)), "{kept:?} {now:?}");
    assert_eq!(buyer.json(&["jobs"])["jobs"].as_array().unwrap().len(), 1);
    buyer.reaches(&job, &["completed"]);
    let output =
        std::process::Command::new("sha256sum").arg(folder.join("data/weights.bin")).output().unwrap();
    let digest = String::from_utf8(output.stdout).unwrap();
    let digest = digest.split(' ').next().unwrap();
    let shown = buyer.ok(&["watch", &job]);
    assert!(shown.contains(&format!("got {digest}")), "{shown}");
}
