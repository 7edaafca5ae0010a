//! A cluster that was set up and migrated once, copied for each test: setting one up takes seconds.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use cyxwiz_server::Db;
use cyxwiz_server::db::MIGRATIONS;
use cyxwiz_server::postgres::Postgres;
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest as _, Sha256};

use super::local_folder;

/// Puts a cluster into `folder`.
pub(super) async fn copy_into(folder: &Path) {
    let template = template().await;
    fs::create_dir_all(folder).unwrap();
    copy(&template, &folder.join("cluster"));
}

fn copy(from: &Path, to: &Path) {
    // with owners: under root it is another user's
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(done.success());
}

/// The template for these migrations; made by the first test that comes.
async fn template() -> PathBuf {
    let mut digest = Sha256::new();
    MIGRATIONS.iter().for_each(|migration| digest.update(&migration.checksum));
    let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let lock = File::create(root.join("postgres-template.lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let template = root.join(format!("postgres-template-{}", hex::encode(&digest.finalize()[..8])));
    if !template.exists() {
        let folder = local_folder();
        let place = folder.path().join("postgres");
        let postgres = Postgres::open_with(&place, &["fsync=off"]).await.unwrap();
        let db = Db::new(postgres.options(), 4);
        db.migrate().await.unwrap();
        db.pool().close().await;
        postgres.close().await;
        let fresh = template.with_extension("new");
        let _ = fs::remove_dir_all(&fresh);
        copy(&place.join("cluster"), &fresh);
        fs::rename(&fresh, &template).unwrap();
    }
    template
}
