//! Keys that are revoked, and bytes that are not what was signed.

use std::{fs, os::unix::fs::PermissionsExt as _};

use vyr_model::Digest;
use vyr_sdk::control::{BindMode, BindStateRequest, CreateStateRequest, FailureKind, StateClass, TaskState};

use crate::support::{Node, Submit, ended_well, guest, shown, stdout};

#[tokio::test]
async fn revoking_takes_effect_at_the_next_submit() {
    let node = Node::start();
    let client = node.client();
    let cli = || node.cli().current_dir(node.dir());
    cli().args(["key", "new", "author"]).ok();
    let put =
        |args: &[&str]| cli().args(["artifact", "put", "--key", "author.pem"]).args(args).arg(guest("noop"));
    let early = put(&[]).run();
    assert_eq!(early.code, Some(1));
    assert!(early.err().contains("trust the key"), "{}", early.err());
    cli().args(["key", "trust", "author", "author.pub.pem"]).ok();
    let digest = put(&[]).json()[0]["digest"].as_str().unwrap().to_owned();
    let noop = Submit::new(&digest);
    ended_well(&noop.run(&client).await);
    cli().args(["key", "revoke", "author"]).ok();
    // the program is still in memory, ready to run
    let refused = client.submit_task(noop.request()).await.unwrap_err();
    assert_eq!(refused.reason(), Some("NOT_TRUSTED"));
    let said = cli().args(["task", "submit", "--artifact", &digest]).run();
    assert_eq!(said.code, Some(1));
    assert!(said.err().contains("revoked"), "{}", said.err());
    // another key's artifact is another artifact's business
    ended_well(&Submit::new(&node.put("echo")).run(&client).await);
}

#[tokio::test]
async fn a_task_that_waited_does_not_outlive_the_trust_in_its_key() {
    let node = Node::start();
    let client = node.client();
    let cli = || node.cli().current_dir(node.dir());
    cli().args(["key", "new", "author"]).ok();
    cli().args(["key", "trust", "author", "author.pub.pem"]).ok();
    let put = ["artifact", "put", "--key", "author.pem", "--state", "s"];
    let kv = cli().args(put).arg(guest("kv")).json()[0]["digest"].as_str().unwrap().to_owned();
    let held = Submit::new(&kv).args(["s", "list-keys"]).state("s", "", BindMode::Rw).send(&client).await;
    cli().args(["key", "revoke", "author"]).ok();
    let state = CreateStateRequest { class: StateClass::Ephemeral.into(), ..Default::default() };
    let state_id =
        client.create_state(CreateStateRequest { name: "s".into(), ..state }).await.unwrap().state_id;
    let bind = BindStateRequest { task_id: held.clone(), state_id, name: "s".into(), ..Default::default() };
    client.bind_state(BindStateRequest { mode: BindMode::Rw.into(), ..bind }).await.unwrap();
    let status = client.wait(&held).await.unwrap();
    assert_eq!(status.failure.as_known(), Some(FailureKind::Verify), "{}", shown(&status));
    assert!(status.message.contains("revoked") && !status.start_time.is_set(), "{}", shown(&status));
}

#[tokio::test]
async fn running_a_file_leaves_a_trusted_signature_as_it_is() {
    let node = Node::start();
    let cli = || node.cli().current_dir(node.dir());
    cli().args(["key", "new", "author"]).ok();
    cli().args(["key", "trust", "author", "author.pub.pem"]).ok();
    cli().args(["artifact", "put", "--key", "author.pem"]).arg(guest("noop.p1")).ok();
    let signer = || cli().args(["artifact", "ls"]).json()[0]["signer"].clone();
    assert_eq!(signer(), "author");
    for flags in [&["run"][..], &["run", "--embedded"]] {
        cli().args(flags).arg(guest("noop.p1")).ok();
        assert_eq!(signer(), "author", "{flags:?}");
    }
    // of a key that counts no longer, another may take the place
    cli().args(["key", "revoke", "author"]).ok();
    cli().arg("run").arg(guest("noop.p1")).ok();
    assert_eq!(signer(), "local");
}

/// Overwrites a stored blob with other bytes of the same length.
fn tamper(node: &Node, digest: &str) {
    let path = node.home().join("store/blobs/sha256").join(digest.strip_prefix("sha256:").unwrap());
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, bytes).unwrap();
}

#[tokio::test]
async fn tampered_content_is_never_run() {
    let node = Node::start();
    let client = node.client();
    let file = fs::read(guest("noop")).unwrap();
    let noop = node.put("noop");
    tamper(&node, &Digest::of(&file).to_string());
    let status = Submit::new(&noop).run(&client).await;
    let why = (status.state.as_known(), status.failure.as_known());
    assert_eq!(why, (Some(TaskState::Failed), Some(FailureKind::Verify)), "{}", shown(&status));
    assert!(!status.start_time.is_set(), "it never ran");
    let said = node.cli().args(["artifact", "verify", &noop]).run();
    assert_eq!(said.code, Some(1), "{}", said.out());
}

#[tokio::test]
async fn a_tampered_input_is_never_read_and_mended_by_another_upload() {
    let node = Node::start();
    let client = node.client();
    let echo = node.put("echo");
    let bytes = vec![b'x'; 300_000];
    let input = Digest::of(&bytes);
    let upload = || client.put_blob(input, 300_000, std::io::Cursor::new(bytes.clone()));
    upload().await.unwrap();
    tamper(&node, &input.to_string());
    let run = Submit::new(&echo).input(&input.to_string());
    let status = run.run(&client).await;
    assert_eq!(status.failure.as_known(), Some(FailureKind::Verify), "{}", shown(&status));
    assert!(status.message.contains("put it again") && !status.start_time.is_set(), "{}", shown(&status));
    assert!(!status.stdout.is_set(), "no byte of it reached the guest");
    let refused = client.submit_task(run.request()).await.unwrap_err();
    assert_eq!(refused.reason(), Some("BLOB_MISSING"), "it was moved aside");
    upload().await.unwrap();
    let status = run.run(&client).await;
    ended_well(&status);
    assert_eq!(stdout(&client, &status).await, bytes);
}

#[tokio::test]
async fn a_tampered_manifest_is_refused() {
    let node = Node::start();
    let noop = node.put("noop");
    tamper(&node, &noop);
    let refused = node.client().submit_task(Submit::new(&noop).request()).await.unwrap_err();
    assert!(matches!(refused.reason(), Some("BLOB_CORRUPT" | "DIGEST_MISMATCH")), "{refused:?}");
    ended_well(&Submit::new(&node.put("echo")).run(&node.client()).await);
}
