//! This test binary as a child process: it puts artifacts until it is stopped, and writes a line for each
//! put that was acknowledged.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use vyr_model::Digest;
use vyr_store::{BlobDurability, Store, StoreOptions};

use crate::fixture::{NOW, module, upload};

const STORE: &str = "VYR_STORE_TEST_DIR";
const SEED: &str = "VYR_STORE_TEST_SEED";
const COUNT: &str = "VYR_STORE_TEST_COUNT";
const ACKNOWLEDGED: &str = "acknowledged ";

/// The command that runs one of this binary's ignored tests, which are the children.
pub(crate) fn child(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    command
}

/// Starts a process that puts artifacts below `dir`.
pub(crate) fn putter(dir: &Path, seed: u64, count: u64) -> Child {
    let mut command = child("process::puts_until_it_is_stopped");
    command.env(STORE, dir).env(SEED, seed.to_string()).env(COUNT, count.to_string());
    command.spawn().unwrap()
}

/// Reads which puts a child was told to be done.
pub(crate) fn acknowledged(stdout: ChildStdout) -> Vec<Digest> {
    let lines = BufReader::new(stdout).split(b'\n').map_while(Result::ok);
    let lines = lines.filter_map(|line| String::from_utf8(line).ok());
    // a line that the kill cut short has no digest of the right length
    lines.filter_map(|line| line.strip_prefix(ACKNOWLEDGED)?.parse().ok()).collect()
}

#[test]
#[ignore = "the child process of the crash and concurrency tests"]
fn puts_until_it_is_stopped() {
    let dir = std::env::var_os(STORE).unwrap();
    let number = |name| std::env::var(name).unwrap().parse::<u64>().unwrap();
    let (seed, count) = (number(SEED), number(COUNT));
    let dir = Path::new(&dir);
    let store = Store::open(dir.join("store"), StoreOptions::new(dir.join("trust"))).unwrap();
    let key = store.trust().local_key(&dir.join("keys/local.pem")).unwrap().secret;
    let mut out = std::io::stdout();
    // the test harness has begun a line
    writeln!(out).unwrap();
    for index in 0..count {
        // some artifacts are this child's own, some are put by every child
        let own = if index % 3 == 0 { 0 } else { seed };
        let size = usize::try_from(index * 7919 % 150_000).unwrap();
        let content = [own.to_le_bytes(), index.to_le_bytes()].concat().repeat(size / 16 + 1);
        let built = upload(&store, &module(&content), "child", &format!("{own}.{index}"));
        let signature = key.sign(&built.manifest);
        store.put_artifact(&built.digest(), &built.manifest, signature.as_bytes(), NOW).unwrap();
        store.put_blob(&content, BlobDurability::Volatile).unwrap();
        writeln!(out, "{ACKNOWLEDGED}{}", built.digest()).unwrap();
        out.flush().unwrap();
    }
}
