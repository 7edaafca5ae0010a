//! In what order things come to the disk and are told, as a library sees it that stands between the node and libc.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use serde_json::json;
use vyr_model::Digest;

use super::shim;
use crate::{
    api::{Signed, put_blob},
    support::{Node, NodeBuilder},
};

/// Notes each sync that went well, and each HTTP answer before it is sent. A folder is noted with what it
/// held before its sync, so that a file which got its name later is not among it.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
static void note(const char *text, size_t length) {
    const char *path = getenv("ORDER");
    int log = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (log < 0) return;
    syscall(SYS_write, log, text, length);
    close(log);
}
static int synced(int fd, int call) {
    static __thread char text[1 << 16];
    char link[64], path[4096];
    struct stat stat;
    fstat(fd, &stat);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t got = readlink(link, path, sizeof path - 1);
    path[got > 0 ? got : 0] = 0;
    const char *what = S_ISDIR(stat.st_mode) ? "folder" : "file";
    size_t length = snprintf(text, sizeof text, "%s %lu %s\n", what, stat.st_ino, path);
    DIR *dir = S_ISDIR(stat.st_mode) ? opendir(path) : 0;
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (length < sizeof text - 512)
            length += snprintf(text + length, sizeof text - length, "holds %lu %s/%s\n", entry->d_ino, path, entry->d_name);
    if (dir) closedir(dir);
    int result = syscall(call, fd);
    if (result == 0) note(text, length);
    return result;
}
int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }
static void sent(const char *bytes, size_t length) {
    char text[32];
    if (length > 12 && memcmp(bytes, "HTTP/1.1 ", 9) == 0)
        note(text, snprintf(text, sizeof text, "answer 0 %.3s\n", bytes + 9));
}
ssize_t write(int fd, const void *bytes, size_t length) {
    sent(bytes, length);
    return syscall(SYS_write, fd, bytes, length);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (count > 0) sent(parts->iov_base, parts->iov_len);
    return syscall(SYS_writev, fd, parts, count);
}
ssize_t send(int fd, const void *bytes, size_t length, int flags) {
    sent(bytes, length);
    return syscall(SYS_sendto, fd, bytes, length, flags, 0, 0);
}
"#;

/// One thing that the shim noted: what, the file's number, its path or the answer's code.
type Event = (String, u64, String);

struct Observed {
    node: Node,
    log: PathBuf,
}

impl Observed {
    fn start(dir: &Path) -> Self {
        let log = dir.join("order");
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let builder = NodeBuilder::default().env("LD_PRELOAD", text(&shim::build(dir, SHIM)));
        Self { node: builder.env("ORDER", text(&log)).start(), log }
    }

    /// Does something that ends in one answer; returns what was noted from its begin to that answer.
    fn until_answer(&self, code: u16, act: impl FnOnce(&Node) -> u16) -> Vec<Event> {
        let before = self.events().len();
        assert_eq!(act(&self.node), code);
        let events = self.events();
        let answered = |(what, _, text): &Event| what == "answer" && *text == code.to_string();
        let end = events[before..].iter().position(answered).expect("the answer was noted");
        events[..before + end].to_vec()
    }

    fn events(&self) -> Vec<Event> {
        let text = fs::read_to_string(&self.log).unwrap();
        let event = |line: &str| {
            let [what, number, rest] = line.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
            (what.to_owned(), number.parse().unwrap(), rest.to_owned())
        };
        text.lines().map(event).collect()
    }
}

/// Asserts that a file's bytes were synced, that it then had its name, and that its folder was then synced.
#[track_caller]
fn lasts(file: &Path, events: &[Event], unnamed_first: bool) {
    let (number, name) = (fs::metadata(file).unwrap().ino(), file.to_str().unwrap());
    let bytes =
        |(what, of, path): &Event| what == "file" && *of == number && (!unnamed_first || path != name);
    let synced = events.iter().position(bytes);
    let synced = synced.unwrap_or_else(|| panic!("the bytes of {name} are not synced before: {events:?}"));
    let named = |(what, of, path): &Event| what == "holds" && *of == number && path == name;
    assert!(events[synced..].iter().any(named), "the folder of {name} is not synced after: {events:?}");
}

#[test]
fn a_put_is_on_disk_before_it_is_answered() {
    let dir = crate::support::folder();
    let (observed, signed) = (Observed::start(dir.path()), Signed::new("echo"));
    signed.trust(&observed.node);
    let store = observed.node.home().join("store");
    let blob = |digest: &str| store.join("blobs/sha256").join(digest.strip_prefix("sha256:").unwrap());
    // one that is gathered in memory, one that is written as it comes
    for bytes in [vec![b's'; 100], vec![b'l'; 300_000]] {
        let (digest, file) = (Digest::of(&bytes).to_string(), dir.path().join("bytes"));
        fs::write(&file, bytes).unwrap();
        let events = observed.until_answer(201, |node| put_blob(node.curl(), &digest, &file).status);
        lasts(&blob(&digest), &events, true);
    }
    signed.upload(&observed.node);
    let events =
        observed.until_answer(200, |node| node.curl().call("PutArtifact", &signed.put_request()).status);
    for digest in signed.blobs.iter().map(|(digest, _)| digest).chain([&signed.digest]) {
        lasts(&blob(digest), &events, true);
    }
    let signatures = fs::read_dir(store.join("vyr/signatures")).unwrap().map(|file| file.unwrap().path());
    let kept: Vec<_> = signatures.chain([store.join("index.json")]).collect();
    assert!(kept.len() > 1, "{kept:?}");
    kept.iter().for_each(|file| lasts(file, &events, true));
}

#[test]
fn a_submit_is_on_disk_before_it_is_answered() {
    let dir = crate::support::folder();
    let observed = Observed::start(dir.path());
    let noop = observed.node.put("noop");
    let record = observed.node.home().join("record");
    let segment = record.join("00000001.seg");
    let submit = json!({ "artifactDigest": noop });
    let before = observed.events().len();
    let events = observed.until_answer(200, |node| node.curl().call("SubmitTask", &submit).status);
    lasts(&segment, &events, false);
    let number = fs::metadata(&segment).unwrap().ino();
    let synced = events[before..].iter().any(|(what, of, _)| what == "file" && *of == number);
    assert!(synced, "the submit itself is not synced before: {:?}", &events[before..]);
}
