use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};
use vyr_model::Digest;
use vyr_runtime::oci::{ImageSource, LayoutBlobs};

/// One layer in the making.
pub(crate) struct Layer {
    tar: Builder<Vec<u8>>,
    gzip: bool,
    /// A diff_id to write in place of the true one.
    pub(crate) diff_id: Option<Digest>,
}

impl Layer {
    pub(crate) fn new() -> Self {
        Self { tar: Builder::new(Vec::new()), gzip: false, diff_id: None }
    }

    pub(crate) fn gzip(mut self) -> Self {
        self.gzip = true;
        self
    }

    /// Any entry at all, the hostile ones too: the path is written as it stands.
    pub(crate) fn raw(mut self, kind: EntryType, path: &str, link: &str, mode: u32, data: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        let bytes = header.as_mut_bytes();
        bytes[..path.len()].copy_from_slice(path.as_bytes());
        bytes[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_size(data.len() as u64);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1);
        header.set_cksum();
        self.tar.append(&header, data).expect("append");
        self
    }

    pub(crate) fn file(self, path: &str, data: &[u8]) -> Self {
        self.raw(EntryType::Regular, path, "", 0o644, data)
    }

    pub(crate) fn program(self, path: &str, data: &[u8]) -> Self {
        self.raw(EntryType::Regular, path, "", 0o755, data)
    }

    pub(crate) fn dir(self, path: &str) -> Self {
        self.raw(EntryType::Directory, path, "", 0o755, b"")
    }

    pub(crate) fn symlink(self, path: &str, target: &str) -> Self {
        self.raw(EntryType::Symlink, path, target, 0o777, b"")
    }

    pub(crate) fn hard_link(self, path: &str, target: &str) -> Self {
        self.raw(EntryType::Link, path, target, 0o644, b"")
    }

    fn finish(self) -> (Vec<u8>, Digest, &'static str) {
        let tar = self.tar.into_inner().expect("tar");
        let diff_id = self.diff_id.unwrap_or_else(|| Digest::of(&tar));
        if !self.gzip {
            return (tar, diff_id, "application/vnd.oci.image.layer.v1.tar");
        }
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&tar).expect("gzip");
        (gzip.finish().expect("gzip"), diff_id, "application/vnd.oci.image.layer.v1.tar+gzip")
    }
}

/// An image layout on disk with one image.
pub(crate) struct Layout {
    pub(crate) path: PathBuf,
    pub(crate) manifest: Bytes,
}

impl Layout {
    pub(crate) fn source(&self) -> ImageSource {
        ImageSource {
            manifest: self.manifest.clone(),
            blobs: Box::new(LayoutBlobs { layout: self.path.clone() }),
        }
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }
}

/// Writes a layout whose image has these layers and this config.
pub(crate) fn layout(folder: &Path, config: Value, layers: Vec<Layer>) -> Layout {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).expect("blobs");
    let put = |bytes: &[u8], kind: &str| {
        let digest = Digest::of(bytes);
        fs::write(blobs.join(digest.to_hex()), bytes).expect("blob");
        json!({ "mediaType": kind, "digest": digest.to_string(), "size": bytes.len() })
    };
    let (mut descriptors, mut diff_ids) = (Vec::new(), Vec::new());
    for layer in layers {
        let (bytes, diff_id, kind) = layer.finish();
        descriptors.push(put(&bytes, kind));
        diff_ids.push(diff_id.to_string());
    }
    let config = json!({
        "architecture": oci_spec::image::Arch::default().to_string(),
        "os": "linux",
        "config": config,
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    });
    let config = put(config.to_string().as_bytes(), "application/vnd.oci.image.config.v1+json");
    let manifest_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": manifest_type,
        "config": config,
        "layers": descriptors,
    });
    let manifest = Bytes::from(manifest.to_string());
    let index = json!({ "schemaVersion": 2, "manifests": [put(&manifest, manifest_type)] });
    fs::write(folder.join("index.json"), index.to_string()).expect("index");
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("marker");
    Layout { path: folder.to_owned(), manifest }
}

/// The layer that gives an image its programs: busybox under the names that the tests use.
pub(crate) fn busybox() -> Layer {
    const NAMES: [&str; 24] = [
        "sh", "echo", "cat", "sort", "env", "pwd", "id", "ls", "sleep", "true", "wc", "head", "dd", "touch",
        "grep", "tr", "tail", "ip", "wget", "mount", "yes", "mkdir", "ping", "chmod",
    ];
    let program = fs::read("/bin/busybox").expect("install busybox-static");
    let layer = Layer::new().dir("bin/").program("bin/busybox", &program).dir("etc/").dir("tmp/");
    NAMES.iter().fold(layer, |layer, name| layer.symlink(&format!("bin/{name}"), "busybox"))
}
