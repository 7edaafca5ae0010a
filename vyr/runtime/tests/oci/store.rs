//! Unpacked images are kept, shared and dropped.

use std::{fs, process::Command, sync::Arc};

use serde_json::json;
use tempfile::TempDir;
use vyr_runtime::oci::{ImageSource, LayoutBlobs, OciError};

use crate::{
    image::{Layer, busybox, layout},
    support::{Host, Job, shared},
};

#[tokio::test]
async fn an_image_is_unpacked_once() {
    let host = Host::new();
    let image = layout(&host.folder.path().join("layout"), json!({}), vec![Layer::new().file("file", b"x")]);
    let (one, two) = tokio::join!(host.image(&image), host.image(&image));
    assert!(Arc::ptr_eq(&one, &two));
    // Without its layers it can only come from what is kept; the config is read again.
    drop((one, two));
    let path = host.image(&image).await.path().to_owned();
    fs::write(path.join("witness"), "").expect("witness");
    assert!(host.image(&image).await.path().join("witness").exists());
}

#[tokio::test]
async fn the_oldest_unused_images_go() {
    let host = Host::with(|options| options.max_images = 2);
    let image = |n: u32| {
        let file = Layer::new().file("file", n.to_string().as_bytes());
        layout(&host.folder.path().join(format!("layout-{n}")), json!({}), vec![file])
    };
    let kept = host.image(&image(0)).await;
    for n in 1..5 {
        host.image(&image(n)).await;
    }
    assert!(kept.path().exists(), "what is in use stays");
    assert_eq!(fs::read_dir(host.folder.path().join("work/images")).expect("images").count(), 2);
    host.assert_clean();
}

#[tokio::test]
async fn an_image_for_another_machine_is_refused() {
    let host = Host::new();
    let mut image = layout(&host.folder.path().join("layout"), json!({}), vec![]);
    let other =
        json!({ "architecture": "s390x", "os": "linux", "rootfs": { "type": "layers", "diff_ids": [] } });
    let bytes = other.to_string();
    let digest = vyr_model::Digest::of(bytes.as_bytes());
    fs::write(image.path.join("blobs/sha256").join(digest.to_hex()), &bytes).expect("blob");
    let mut manifest: serde_json::Value = serde_json::from_slice(&image.manifest).expect("json");
    manifest["config"]["digest"] = digest.to_string().into();
    image.manifest = manifest.to_string().into();
    let refused = host.runtime.prepare(image.source()).await.expect_err("refused");
    assert!(matches!(&refused, OciError::Image(text) if text.contains("choose the manifest")), "{refused}");
}

#[tokio::test]
async fn an_image_that_went_through_skopeo_runs_the_same() {
    let host = shared();
    let folder = TempDir::new().expect("folder");
    let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
    let image = layout(&ours, json!({ "Cmd": ["/bin/echo", "copied"] }), vec![busybox().gzip()]);
    let copy = Command::new("skopeo")
        .args(["--insecure-policy", "copy", "--quiet"])
        .arg(format!("oci:{}", ours.display()))
        .arg(format!("oci:{}", theirs.display()))
        .status();
    assert!(copy.expect("install skopeo").success());
    let blob = theirs.join("blobs/sha256").join(image.digest().to_hex());
    let manifest = fs::read(blob).expect("the copy keeps the digest").into();
    let source = ImageSource { manifest, blobs: Box::new(LayoutBlobs { layout: theirs }) };
    let rootfs = host.runtime.prepare(source).await.expect("prepared");
    assert_eq!(host.run(&rootfs, Job::default()).await.succeeded(), "copied\n");
}
