use std::{fs, path::Path, process::Command, time::Instant};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use serde_json::{Value, json};
use vyr_model::Digest;
use vyr_sdk::control::{Durability, TaskState};

use crate::{
    lab::Lab,
    node::Node,
    peers::on_path,
    samples::{Latency, Samples},
    watcher::submit,
};

/// Images, each with a layer, a config and a program of its own.
const IMAGES: usize = 10;
const PROGRAMS: [&str; 5] = ["true", "echo words", "seq 1000", "ls /", "cat /etc/number"];

/// The OCI fallback: how many of many runs succeed, and how long one takes.
#[derive(Serialize)]
pub(crate) struct Oci {
    pub(crate) runs: usize,
    pub(crate) succeeded: usize,
    pub(crate) images: usize,
    pub(crate) latency: Latency,
    /// What became of those that did not succeed.
    failures: Vec<String>,
}

/// Runs the images in turn; `None` where the machine has no OCI runtime or no static busybox.
pub(crate) fn oci(lab: &Lab, node: &Node) -> Result<Option<Oci>> {
    let (Some(_), Some(busybox)) = (on_path("runc").or_else(|| on_path("crun")), on_path("busybox")) else {
        return Ok(None);
    };
    let images = (0..IMAGES)
        .map(|number| {
            let folder = lab.path(&format!("image-{number}"));
            make_image(&busybox, &folder, number)?;
            put(lab, node, &folder)
        })
        .collect::<Result<Vec<_>>>()?;
    lab.runtime.block_on(async {
        let client = node.client()?;
        let (mut samples, mut failures) = (Samples::default(), Vec::new());
        for digest in images.iter().cycle().take(lab.sizes.containers) {
            let begun = Instant::now();
            let answer = client.submit_task(submit(*digest, Durability::Durable)).await?;
            let status = client.wait(&answer.task_id).await?;
            samples.push(begun.elapsed());
            if status.state.as_known() != Some(TaskState::Succeeded) {
                failures.push(format!("{:?}: {}", status.state, status.message));
            }
        }
        let runs = lab.sizes.containers;
        let succeeded = runs - failures.len();
        Ok(Some(Oci { runs, succeeded, images: IMAGES, latency: samples.latency()?, failures }))
    })
}

/// Makes an image of one layer: busybox and a file that no other image has.
fn make_image(busybox: &Path, folder: &Path, number: usize) -> Result<()> {
    let root = folder.join("root");
    for path in ["root/bin", "root/etc", "blobs/sha256"] {
        fs::create_dir_all(folder.join(path))?;
    }
    fs::copy(busybox, root.join("bin/busybox"))?;
    fs::write(root.join("etc/number"), number.to_string())?;
    let tar =
        Command::new("tar").arg("-C").arg(&root).args(["-c", "."]).output().context("cannot run tar")?;
    ensure!(tar.status.success(), "tar fails: {}", String::from_utf8_lossy(&tar.stderr));
    fs::remove_dir_all(&root)?;
    let layer = blob(folder, "application/vnd.oci.image.layer.v1.tar", &tar.stdout)?;
    let program = PROGRAMS.get(number % PROGRAMS.len()).copied().unwrap_or_default();
    let config = json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        "config": { "Entrypoint": ["/bin/busybox", "sh", "-c", format!("/bin/busybox {program}")] },
        "rootfs": { "type": "layers", "diff_ids": [layer.get("digest")] },
    });
    let config = blob(folder, "application/vnd.oci.image.config.v1+json", config.to_string().as_bytes())?;
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": media_type, "config": config, "layers": [layer] });
    let manifest = blob(folder, media_type, manifest.to_string().as_bytes())?;
    fs::write(folder.join("oci-layout"), json!({ "imageLayoutVersion": "1.0.0" }).to_string())?;
    fs::write(folder.join("index.json"), json!({ "schemaVersion": 2, "manifests": [manifest] }).to_string())?;
    Ok(())
}

fn blob(folder: &Path, media_type: &str, bytes: &[u8]) -> Result<Value> {
    let digest = Digest::of(bytes);
    fs::write(folder.join("blobs/sha256").join(digest.to_hex()), bytes)?;
    Ok(json!({ "mediaType": media_type, "digest": digest.to_string(), "size": bytes.len() }))
}

/// Puts an image as users do.
fn put(lab: &Lab, node: &Node, folder: &Path) -> Result<Digest> {
    let mut command = Command::new(&lab.options.vyr);
    command.args(["artifact", "put", "-o", "json", "--home"]).arg(node.home()).arg(folder);
    let output = command.output()?;
    ensure!(output.status.success(), "cannot put an image: {}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout)?;
    let digest = answer.get("digest").and_then(Value::as_str).context("no digest was printed")?;
    Ok(digest.parse()?)
}
