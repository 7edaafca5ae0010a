use std::{
    fs::File,
    io::{self, Read},
    path::PathBuf,
};

use bytes::Bytes;
use oci_spec::image::{Arch, Config, Descriptor, ImageConfiguration, ImageManifest, Os};
use vyr_model::Digest;

use super::{OciError, UnpackLimits};

/// An image: its manifest's exact bytes, and where its blobs are.
pub struct ImageSource {
    /// The manifest; its sha256 is the image's digest.
    pub manifest: Bytes,
    /// Gives the config and the layers.
    pub blobs: Box<dyn BlobSource>,
}

/// Opens blobs by digest. What it gives is verified, not trusted.
pub trait BlobSource: Send + Sync {
    /// Opens a blob for reading from its start.
    ///
    /// # Errors
    /// The store's own failure; `NotFound` for a blob that is not there.
    fn open(&self, digest: &Digest) -> io::Result<File>;
}

/// The blobs of an OCI image layout folder.
pub struct LayoutBlobs {
    /// The folder that holds `oci-layout` and `blobs`.
    pub layout: PathBuf,
}

impl BlobSource for LayoutBlobs {
    fn open(&self, digest: &Digest) -> io::Result<File> {
        File::open(self.layout.join("blobs").join("sha256").join(digest.to_hex()))
    }
}

/// An image whose manifest and config are parsed and fit this host.
pub(crate) struct Image {
    pub(crate) digest: Digest,
    pub(crate) config: Config,
    pub(crate) layers: Vec<Layer>,
    pub(crate) blobs: Box<dyn BlobSource>,
}

/// One layer as the manifest and the config name it.
pub(crate) struct Layer {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) gzip: bool,
    pub(crate) diff_id: Digest,
}

impl Image {
    pub(crate) fn load(source: ImageSource, limits: &UnpackLimits) -> Result<Self, OciError> {
        let ImageSource { manifest: bytes, blobs } = source;
        if bytes.len() as u64 > limits.document_bytes {
            return Err(refuse(format!("its manifest has more than {} bytes", limits.document_bytes)));
        }
        let manifest = ImageManifest::from_reader(bytes.as_ref())
            .map_err(|error| refuse(format!("its manifest is no OCI image manifest: {error}")))?;
        let config = read_config(manifest.config(), blobs.as_ref(), limits)?;
        if config.os() != &Os::Linux || config.architecture() != &Arch::default() {
            return Err(refuse(format!(
                "it is for {}/{} and this host is linux/{}: choose the manifest for this host",
                config.os(),
                config.architecture(),
                Arch::default()
            )));
        }
        let diff_ids = config.rootfs().diff_ids();
        let layers = manifest.layers();
        if layers.len() != diff_ids.len() || layers.len() > limits.layers {
            return Err(refuse(format!(
                "it has {} layers and {} diff_ids: both must be equal and at most {}",
                layers.len(),
                diff_ids.len(),
                limits.layers
            )));
        }
        let layers = layers.iter().zip(diff_ids).map(|(layer, diff_id)| Layer::parse(layer, diff_id));
        Ok(Self {
            digest: Digest::of(&bytes),
            layers: layers.collect::<Result<_, _>>()?,
            config: config.config().clone().unwrap_or_default(),
            blobs,
        })
    }
}

impl Layer {
    fn parse(layer: &Descriptor, diff_id: &str) -> Result<Self, OciError> {
        let gzip = match layer.media_type().to_string().as_str() {
            "application/vnd.oci.image.layer.v1.tar" | "application/vnd.docker.image.rootfs.diff.tar" => {
                false
            }
            "application/vnd.oci.image.layer.v1.tar+gzip"
            | "application/vnd.docker.image.rootfs.diff.tar.gzip" => true,
            other => {
                return Err(refuse(format!("layers of type `{other}` are not read: use tar or tar+gzip")));
            }
        };
        Ok(Self { digest: digest(layer)?, size: layer.size(), gzip, diff_id: parse_digest(diff_id)? })
    }
}

fn read_config(
    descriptor: &Descriptor,
    blobs: &dyn BlobSource,
    limits: &UnpackLimits,
) -> Result<ImageConfiguration, OciError> {
    let expected = digest(descriptor)?;
    let mut bytes = Vec::new();
    blobs
        .open(&expected)
        .and_then(|file| file.take(limits.document_bytes.saturating_add(1)).read_to_end(&mut bytes))
        .map_err(OciError::io(format!("read the image's config {expected}")))?;
    if bytes.len() as u64 > limits.document_bytes {
        return Err(refuse(format!("its config has more than {} bytes", limits.document_bytes)));
    }
    let found = Digest::of(&bytes);
    if found != expected {
        return Err(OciError::Digest { what: "the image's config", expected, found });
    }
    ImageConfiguration::from_reader(bytes.as_slice())
        .map_err(|error| refuse(format!("its config is no OCI image config: {error}")))
}

fn digest(descriptor: &Descriptor) -> Result<Digest, OciError> {
    parse_digest(descriptor.digest().as_ref())
}

fn parse_digest(text: &str) -> Result<Digest, OciError> {
    text.parse().map_err(|error| refuse(format!("{error}")))
}

fn refuse(reason: String) -> OciError {
    OciError::Image(reason)
}
