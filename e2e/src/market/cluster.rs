//! A PostgreSQL that was set up and migrated once, copied for each test's server: setting one up takes seconds.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use crate::{binary, folder};

/// Puts a cluster where a server that keeps its things in `data` looks for its own. Whoever comes first makes it, by
/// the server's verb `migrate`, beside the server's binary.
pub(super) fn copy_into(data: &Path, mut server: Command) {
    let program = binary("CYXWIZ_SERVER_BIN", "cyxwiz-server");
    let meta = program.metadata().unwrap();
    let mut hasher = DefaultHasher::new();
    (meta.len(), meta.modified().unwrap()).hash(&mut hasher);
    let made_of = format!("{:016x}", hasher.finish());
    let prepared = program.with_file_name("prepared-postgres");
    let lock = File::create(prepared.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    if fs::read_to_string(prepared.join("made-of")).ok().as_ref() != Some(&made_of) {
        let _ = fs::remove_dir_all(&prepared);
        fs::create_dir_all(&prepared).unwrap();
        let fresh = folder();
        let output = server.env("CYXWIZ_DATA", fresh.path().join("server")).arg("migrate").output().unwrap();
        assert!(output.status.success(), "migrate: {}", String::from_utf8_lossy(&output.stderr));
        copy(&fresh.path().join("server/postgres/cluster"), &prepared);
        // a test's data need not outlive the machine
        let settings = File::options().append(true).open(prepared.join("cluster/postgresql.conf"));
        settings.unwrap().write_all(b"\nfsync = off\n").unwrap();
        fs::write(prepared.join("made-of"), made_of).unwrap();
    }
    drop(lock);
    let postgres = data.join("postgres");
    fs::create_dir_all(&postgres).unwrap();
    copy(&prepared.join("cluster"), &postgres);
}

fn copy(from: &Path, into: &Path) {
    // with owners: under root it is another user's
    let done = Command::new("cp").arg("-a").arg(from).arg(into).status().unwrap();
    assert!(done.success(), "cp -a {} {}", from.display(), into.display());
}
