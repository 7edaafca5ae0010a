//! Layers that try to get out, or to use everything up.

use std::{fs, path::Path};

use serde_json::json;
use tar::EntryType;
use vyr_model::Digest;
use vyr_runtime::oci::OciError;

use crate::{
    image::{Layer, layout},
    support::Host,
};

/// Prepares an image of these layers; asserts that nothing outside was touched and nothing half made stays.
async fn prepare(host: &Host, layers: Vec<Layer>) -> Result<std::path::PathBuf, OciError> {
    let folder = host.folder.path().join("layout");
    let outside = host.folder.path().join("outside");
    fs::create_dir_all(&outside).expect("outside");
    fs::write(outside.join("precious"), "precious").expect("outside");
    let result = host.runtime.prepare(layout(&folder, json!({}), layers).source()).await;
    assert_eq!(fs::read_to_string(outside.join("precious")).expect("still there"), "precious");
    assert_eq!(fs::read_dir(&outside).expect("outside").count(), 1, "something was made outside");
    assert_eq!(fs::metadata(outside.join("precious")).map(|data| nlink(&data)).expect("there"), 1);
    host.assert_clean();
    if result.is_err() {
        assert_eq!(fs::read_dir(host.folder.path().join("work/images")).expect("images").count(), 0);
    }
    result.map(|rootfs| rootfs.path().to_owned())
}

fn nlink(data: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(data)
}

fn reason(result: Result<std::path::PathBuf, OciError>) -> String {
    match result.expect_err("refused") {
        OciError::Layer { reason, .. } => reason,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn paths_that_climb_are_refused() {
    for path in ["../escaped", "a/../../escaped", "/../escaped", ".."] {
        let said = reason(prepare(&Host::new(), vec![Layer::new().file(path, b"x")]).await);
        assert!(said.contains("leads out by `..`"), "{path}: {said}");
    }
    let climbing = Layer::new().file("a", b"").hard_link("b", "../../outside/precious");
    assert!(reason(prepare(&Host::new(), vec![climbing]).await).contains("leads out by `..`"));
}

#[tokio::test]
async fn absolute_paths_count_from_the_images_root() {
    let host = Host::new();
    let root = prepare(&host, vec![Layer::new().file("/etc/made", b"inside")]).await.expect("prepared");
    assert_eq!(fs::read(root.join("etc/made")).expect("inside"), b"inside");
}

#[tokio::test]
async fn symlinks_lead_nowhere_but_inside() {
    let host = Host::new();
    let outside = host.folder.path().join("outside");
    let outside = outside.to_str().expect("text");
    // The same folders inside, so that a link followed as in a container finds something.
    let inner = outside.trim_start_matches('/');
    let layer = Layer::new()
        .dir(&format!("{inner}/"))
        .symlink("absolute", outside)
        .file("absolute/escaped", b"x")
        .symlink("climbing", "../../../../../../../../../..")
        .file("climbing/escaped", b"x")
        .symlink("self", "/proc/self/root")
        .file("file", b"x");
    let root = prepare(&host, vec![layer]).await.expect("prepared");
    assert!(root.join(inner).join("escaped").exists());
    assert!(root.join("escaped").exists());
}

#[tokio::test]
async fn files_replace_links_instead_of_following_them() {
    let host = Host::new();
    let precious = host.folder.path().join("outside/precious");
    let first = Layer::new().symlink("link", precious.to_str().expect("text"));
    let second = Layer::new().file("link", b"changed");
    let root = prepare(&host, vec![first, second]).await.expect("prepared");
    assert!(fs::symlink_metadata(root.join("link")).expect("there").is_file());
}

#[tokio::test]
async fn hard_links_to_the_outside_are_refused() {
    let host = Host::new();
    let precious = host.folder.path().join("outside/precious");
    let absolute = Layer::new().hard_link("stolen", precious.to_str().expect("text"));
    assert!(prepare(&host, vec![absolute]).await.is_err());
    let host = Host::new();
    let outside = host.folder.path().join("outside");
    let through =
        Layer::new().symlink("door", outside.to_str().expect("text")).hard_link("stolen", "door/precious");
    assert!(prepare(&host, vec![through]).await.is_err());
    let folder = Layer::new().dir("folder/").hard_link("again", "folder");
    assert!(reason(prepare(&Host::new(), vec![folder]).await).contains("is no file"));
}

#[tokio::test]
async fn a_hard_link_to_a_symlink_does_not_write_through_it() {
    let host = Host::new();
    let precious = host.folder.path().join("outside/precious");
    let layer = Layer::new()
        .symlink("link", precious.to_str().expect("text"))
        .hard_link("same", "link")
        .file("same", b"changed");
    prepare(&host, vec![layer]).await.expect("prepared");
}

#[tokio::test]
async fn whiteouts_remove_nothing_outside() {
    for name in [".wh...", ".wh..", ".wh."] {
        let host = Host::new();
        let layer = Layer::new().dir("a/").file(&format!("a/{name}"), b"");
        let said = reason(prepare(&host, vec![layer]).await);
        assert!(said.contains("names no file"), "{name}: {said}");
    }
    let host = Host::new();
    let outside = host.folder.path().join("outside");
    let layer = Layer::new()
        .symlink("door", outside.to_str().expect("text"))
        .file("door/.wh.precious", b"")
        .file("door/.wh..wh..opq", b"");
    // The door leads to a folder that the image does not have.
    assert!(prepare(&host, vec![layer]).await.is_err());
}

#[tokio::test]
async fn devices_pipes_and_privileges_do_not_come_out() {
    let host = Host::new();
    let layer = Layer::new()
        .raw(EntryType::Block, "disk", "", 0o666, b"")
        .raw(EntryType::Char, "mem", "", 0o666, b"")
        .raw(EntryType::Fifo, "pipe", "", 0o666, b"")
        .raw(EntryType::Regular, "setuid", "", 0o6755, b"x");
    let root = prepare(&host, vec![layer]).await.expect("prepared");
    for name in ["disk", "mem", "pipe"] {
        assert!(fs::symlink_metadata(root.join(name)).is_err(), "{name} came out");
    }
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(root.join("setuid")).expect("there"));
    assert_eq!(mode & 0o7777, 0o755);
}

#[tokio::test]
async fn bombs_are_stopped() {
    let small = || {
        Host::with(|options| {
            options.unpack.bytes = 1 << 20;
            options.unpack.entries = 50;
            options.unpack.layers = 3;
        })
    };
    let zeros = Layer::new().file("zeros", &vec![0; 8 << 20]).gzip();
    assert!(reason(prepare(&small(), vec![zeros]).await).contains("too large"));
    let many = (0..60).fold(Layer::new(), |layer, n| layer.file(&format!("{n}"), b""));
    assert!(reason(prepare(&small(), vec![many]).await).contains("too many entries"));
    let layers = (0..4).map(|n| Layer::new().file(&format!("{n}"), b"")).collect();
    assert!(matches!(prepare(&small(), layers).await, Err(OciError::Image(_))));
    let deep = format!("{}x", "d/".repeat(40));
    let deep = (0..8).fold(Layer::new(), |layer, n| {
        // Each link leads 40 folders deeper than the one before.
        let start = if n == 0 { String::new() } else { format!("l{}/", n - 1) };
        layer
            .file(&format!("{start}{deep}"), b"")
            .symlink(&format!("l{n}"), &format!("{start}{}", "d/".repeat(40)))
    });
    assert!(reason(prepare(&Host::new(), vec![deep]).await).contains("too deep"));
}

#[tokio::test]
async fn long_headers_are_stopped() {
    // A GNU long name of 2 MiB: the reader must not keep it all in memory.
    let layer = Layer::new().raw(EntryType::GNULongName, "././@LongLink", "", 0o644, &vec![b'n'; 2 << 20]);
    let said = reason(prepare(&Host::new(), vec![layer.file("x", b"")]).await);
    assert!(said.contains("headers are too long"), "{said}");
}

#[tokio::test]
async fn garbage_is_refused() {
    for bytes in [vec![0xff; 4096], b"text".to_vec()] {
        let host = Host::new();
        let mut image = layout(&host.folder.path().join("layout"), json!({}), vec![Layer::new()]);
        // The blob is what its digest says, and no archive.
        let manifest = String::from_utf8(image.manifest.to_vec()).expect("text");
        let mut manifest: serde_json::Value = serde_json::from_str(&manifest).expect("json");
        let digest = Digest::of(&bytes);
        manifest["layers"][0]["digest"] = digest.to_string().into();
        manifest["layers"][0]["size"] = bytes.len().into();
        fs::write(image.path.join("blobs/sha256").join(digest.to_hex()), &bytes).expect("blob");
        image.manifest = manifest.to_string().into();
        assert!(host.runtime.prepare(image.source()).await.is_err());
        host.assert_clean();
    }
}

#[tokio::test]
async fn bytes_that_are_not_what_was_named_are_refused() {
    let change = |path: &Path| {
        let mut bytes = fs::read(path).expect("blob");
        // In a file's data: the archive itself stays whole.
        let at = bytes.windows(4).position(|four| four == b"data").expect("data");
        bytes[at] = b'D';
        fs::write(path, bytes).expect("blob");
    };
    let host = Host::new();
    let layer = || vec![Layer::new().file("file", b"data")];
    let image = layout(&host.folder.path().join("layout"), json!({ "Labels": { "data": "" } }), layer());
    let blobs: Vec<_> = fs::read_dir(image.path.join("blobs/sha256")).expect("blobs").collect();
    for blob in blobs {
        let path = blob.expect("blob").path();
        let original = fs::read(&path).expect("blob");
        if Digest::of(&original) == image.digest() {
            continue;
        }
        change(&path);
        assert!(matches!(host.runtime.prepare(image.source()).await, Err(OciError::Digest { .. })));
        fs::write(&path, original).expect("blob");
        host.assert_clean();
    }
    host.runtime.prepare(image.source()).await.expect("whole again");
    let host = Host::new();
    let mut wrong = Layer::new().file("file", b"data").gzip();
    wrong.diff_id = Some(Digest::of(b"another"));
    let image = layout(&host.folder.path().join("layout"), json!({}), vec![wrong]);
    assert!(matches!(
        host.runtime.prepare(image.source()).await,
        Err(OciError::Digest { what: "an uncompressed layer", .. })
    ));
    host.assert_clean();
}
