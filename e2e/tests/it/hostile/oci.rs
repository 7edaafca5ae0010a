//! The OCI fallback: an image layout made here from the machine's static busybox.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};
use vyr_model::Digest;
use vyr_sdk::control::{FailureKind, TaskState};

use crate::support::{Node, Submit, ended_well, shown, stdout};

/// Writes a blob; returns its descriptor.
fn blob(layout: &Path, media_type: &str, bytes: &[u8]) -> Value {
    let digest = Digest::of(bytes);
    fs::write(layout.join("blobs/sha256").join(digest.to_hex()), bytes).unwrap();
    json!({ "mediaType": media_type, "digest": digest.to_string(), "size": bytes.len() })
}

/// Makes an image whose program is `args`.
fn image(dir: &Path, args: &[&str]) {
    let root = dir.join("root/bin");
    fs::create_dir_all(&root).unwrap();
    fs::create_dir_all(dir.join("image/blobs/sha256")).unwrap();
    fs::copy("/bin/busybox", root.join("busybox")).unwrap();
    let tar = Command::new("tar").arg("-C").arg(dir.join("root")).args(["-c", "bin"]).output().unwrap();
    assert!(tar.status.success());
    let layout = dir.join("image");
    let layer = blob(&layout, "application/vnd.oci.image.layer.v1.tar", &tar.stdout);
    let config = json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }, "os": "linux",
        "config": { "Entrypoint": args },
        "rootfs": { "type": "layers", "diff_ids": [layer["digest"]] },
    });
    let config = blob(&layout, "application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config, "layers": [layer],
    });
    let manifest =
        blob(&layout, "application/vnd.oci.image.manifest.v1+json", manifest.to_string().as_bytes());
    fs::write(layout.join("oci-layout"), json!({ "imageLayoutVersion": "1.0.0" }).to_string()).unwrap();
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    fs::write(layout.join("index.json"), index.to_string()).unwrap();
}

#[tokio::test]
async fn an_image_is_put_and_run_like_any_artifact() {
    let node = Node::start();
    let client = node.client();
    image(node.dir(), &["/bin/busybox", "sh", "-c", "cat; echo $GREETING >&2; exit $0"]);
    let digest = node.put_file(&node.dir().join("image"));
    let input = Digest::of(b"through a container");
    client.put_blob(input, 19, &b"through a container"[..]).await.unwrap();
    let run = Submit::new(&digest).input(&input.to_string());
    let status = run.clone().args(["0"]).run(&client).await;
    ended_well(&status);
    assert_eq!(stdout(&client, &status).await, b"through a container");
    let status = run.args(["7"]).run(&client).await;
    assert_eq!(
        (status.failure.as_known(), status.exit_code),
        (Some(FailureKind::Exit), 7),
        "{}",
        shown(&status)
    );
}

#[tokio::test]
async fn a_container_is_limited_and_cancelled_like_any_task() {
    let node = Node::start();
    let client = node.client();
    image(node.dir(), &["/bin/busybox", "sleep", "3600"]);
    let digest = node.put_file(&node.dir().join("image"));
    let limited = Submit::new(&digest).wall_time(std::time::Duration::from_millis(500)).run(&client).await;
    assert_eq!(limited.failure.as_known(), Some(FailureKind::Limit), "{}", shown(&limited));
    let task = Submit::new(&digest).send(&client).await;
    node.cli().args(["task", "cancel", &task]).ok();
    let status = client.wait(&task).await.unwrap();
    assert_eq!(status.state.as_known(), Some(TaskState::Cancelled), "{}", shown(&status));
}
