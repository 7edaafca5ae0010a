use std::{
    collections::HashMap,
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::SystemTime,
};

use oci_spec::image::Config;
use parking_lot::Mutex;
use vyr_model::Digest;

use super::{ImageSource, OciError, OciOptions, image::Image, unpack};

/// An image ready to run: its unpacked root folder and its config. Kept while anyone holds it.
#[derive(Debug)]
pub struct Rootfs {
    digest: Digest,
    path: PathBuf,
    config: Config,
}

impl Rootfs {
    /// Returns the digest of the image's manifest.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the folder, which is read-only to every container.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the image's config: entrypoint, command, environment, folder and user.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

/// The unpacked images: `images/<digest>/rootfs`, complete or absent.
#[derive(Debug)]
pub(crate) struct Images {
    folder: PathBuf,
    scratch: PathBuf,
    live: Mutex<HashMap<Digest, Weak<Rootfs>>>,
    /// One image is unpacked at a time.
    unpacking: Arc<tokio::sync::Mutex<()>>,
}

impl Images {
    pub(crate) fn open(work_dir: &Path) -> Result<Self, OciError> {
        let (folder, scratch) = (work_dir.join("images"), work_dir.join("unpacking"));
        for path in [&folder, &scratch] {
            private_folder(path)?;
        }
        Ok(Self { folder, scratch, live: Mutex::default(), unpacking: Arc::default() })
    }

    /// Removes what a crash left half unpacked.
    pub(crate) fn clear_scratch(&self) -> Result<(), OciError> {
        remove_all(&self.scratch)?;
        private_folder(&self.scratch)
    }

    pub(crate) async fn prepare(
        self: Arc<Self>,
        source: ImageSource,
        options: Arc<OciOptions>,
    ) -> Result<Arc<Rootfs>, OciError> {
        let digest = Digest::of(&source.manifest);
        if let Some(rootfs) = self.live(digest) {
            return Ok(rootfs);
        }
        let turn = Arc::clone(&self.unpacking).lock_owned().await;
        if let Some(rootfs) = self.live(digest) {
            return Ok(rootfs);
        }
        let work = tokio::task::spawn_blocking(move || {
            // Held to the end of the unpacking, even when nobody waits for it any more.
            let _turn = turn;
            self.prepare_blocking(source, &options)
        });
        work.await.map_err(|error| OciError::Image(format!("unpacking it ended early: {error}")))?
    }

    fn live(&self, digest: Digest) -> Option<Arc<Rootfs>> {
        self.live.lock().get(&digest).and_then(Weak::upgrade)
    }

    fn prepare_blocking(&self, source: ImageSource, options: &OciOptions) -> Result<Arc<Rootfs>, OciError> {
        let image = Image::load(source, &options.unpack)?;
        let folder = self.folder.join(image.digest.to_hex());
        if !folder.is_dir() {
            self.unpack(&image, &folder, options)?;
        }
        mark_used(&folder)?;
        let Image { digest, config, .. } = image;
        let rootfs = Arc::new(Rootfs { digest, path: folder.join("rootfs"), config });
        let mut live = self.live.lock();
        live.retain(|_, rootfs| rootfs.strong_count() > 0);
        live.insert(digest, Arc::downgrade(&rootfs));
        drop(live);
        self.evict(options.max_images)?;
        Ok(rootfs)
    }

    fn unpack(&self, image: &Image, folder: &Path, options: &OciOptions) -> Result<(), OciError> {
        let scratch = self.scratch.join(image.digest.to_hex());
        remove_all(&scratch)?;
        let rootfs = scratch.join("rootfs");
        private_folder(&scratch)?;
        fs::create_dir(&rootfs).map_err(OciError::io(format!("make `{}`", rootfs.display())))?;
        let unpacked = open_to_all(&rootfs)
            .and_then(|()| unpack::unpack(image, &rootfs, &options.unpack))
            .and_then(|()| mount_points(&rootfs))
            .and_then(|()| {
                fs::rename(&scratch, folder).map_err(OciError::io(format!("make `{}`", folder.display())))
            })
            .and_then(|()| sync_folder(&self.folder));
        if unpacked.is_err() {
            remove_all(&scratch)?;
        }
        unpacked
    }

    /// Removes the images that were not used for longest, as many as there are too many.
    fn evict(&self, most: usize) -> Result<(), OciError> {
        let fail = || OciError::io(format!("list `{}`", self.folder.display()));
        let mut images: Vec<(SystemTime, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(fail())? {
            let entry = entry.map_err(fail())?;
            let used = entry.metadata().and_then(|data| data.modified()).map_err(fail())?;
            images.push((used, entry.path()));
        }
        images.sort();
        let excess = images.len().saturating_sub(most.max(1));
        for (_, path) in images.into_iter().filter(|(_, path)| !self.in_use(path)).take(excess) {
            // Away first, so that a crash in the middle leaves no half of an image.
            let gone = self.scratch.join(path.file_name().unwrap_or_default());
            fs::rename(&path, &gone).map_err(OciError::io(format!("remove `{}`", path.display())))?;
            remove_all(&gone)?;
        }
        Ok(())
    }

    fn in_use(&self, path: &Path) -> bool {
        let live = self.live.lock();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        live.iter().any(|(digest, rootfs)| rootfs.strong_count() > 0 && digest.to_hex() == name)
    }
}

/// Makes a folder, and what is missing above it, for this user alone.
pub(crate) fn private_folder(path: &Path) -> Result<(), OciError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(OciError::io(format!("make `{}`", path.display())))
}

/// Removes a folder and all in it, if it is there.
pub(crate) fn remove_all(path: &Path) -> Result<(), OciError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(OciError::Io { what: format!("remove `{}`", path.display()), source: error })
        }
        _ => Ok(()),
    }
}

/// Makes the folders that every container mounts over, so that no container has to write into the
/// image. runc gives what it mounts there the mode of the folder below.
fn mount_points(rootfs: &Path) -> Result<(), OciError> {
    use std::os::unix::fs::PermissionsExt;
    for (name, mode) in [("proc", 0o555), ("sys", 0o555), ("dev", 0o755), ("tmp", 0o1777)] {
        let path = rootfs.join(name);
        let fail = || OciError::io(format!("make `{}`", path.display()));
        match fs::symlink_metadata(&path) {
            Ok(data) if data.is_dir() => {}
            // a link of the image's own: the runtime resolves it inside the image
            Ok(_) => continue,
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir(&path).map_err(fail())?,
            Err(error) => return Err(fail()(error)),
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).map_err(fail())?;
    }
    Ok(())
}

/// A container's root is opened by its own user.
fn open_to_all(rootfs: &Path) -> Result<(), OciError> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(rootfs, fs::Permissions::from_mode(0o755))
        .map_err(OciError::io(format!("open `{}`", rootfs.display())))
}

fn mark_used(folder: &Path) -> Result<(), OciError> {
    fs::File::open(folder)
        .and_then(|folder| folder.set_modified(SystemTime::now()))
        .map_err(OciError::io(format!("mark `{}` as used", folder.display())))
}

fn sync_folder(folder: &Path) -> Result<(), OciError> {
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(OciError::io(format!("sync `{}`", folder.display())))
}
