//! A folder with a file system of its own, which is as large as what a job may write and no larger.
//!
//! Quotas want a file system mounted for them; a sparse image on a loop device wants root alone. Where the agent is not
//! root the looks at the folders (`run/disk.rs`) are all that holds.

mod mounts;
mod program;

use std::{
    fs, io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
};

use self::{mounts::Space, program::run};
use crate::{Engine, SandboxError};

/// What the image is larger by, so that who passes the limit is seen to before the file system is full.
const SLACK_SHARE: u64 = 64;
const SLACK: u64 = 8 << 20;
/// Bytes of an inode, and of its name and its folder's part.
const INODE: u64 = 256 + 64;
/// Files that the file system itself has, and some more for folders.
const OWN_FILES: u64 = 64;
/// No device is opened there and nobody gains rights; what is deleted is the machine's again.
const OPTIONS: &str = "nodev,nosuid,noatime,noinit_itable,discard";
/// Mounts of a folder on top of each other that are taken away at most.
const LAYERS: usize = 8;

/// What a bounded folder holds at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VolumeRoom {
    /// Bytes of files together.
    pub bytes: u64,
    /// Files and folders.
    pub files: u64,
}

impl VolumeRoom {
    /// Bytes of disk that a folder with this room takes at the very most: its bytes, a 64th of them, 320 a file and
    /// 8 MiB.
    pub fn image_bytes(self) -> u64 {
        let files = self.inodes().saturating_mul(INODE);
        let slack = (self.bytes / SLACK_SHARE).saturating_add(SLACK).saturating_add(files);
        self.bytes.saturating_add(slack).next_multiple_of(4096)
    }

    const fn inodes(self) -> u64 {
        self.files.saturating_add(OWN_FILES)
    }
}

/// Makes bounded folders, seen by this process and by the container engine.
#[derive(Debug, Clone, Default)]
pub struct Volumes {
    /// The engine's, where its mounts are not ours.
    engine: Option<Space>,
}

impl Volumes {
    /// Makes them for jobs of an engine. Without one there is nobody else to see them.
    pub fn of(engine: Option<&Engine>) -> Self {
        let theirs = engine.and_then(Engine::process).map(Space::of);
        Self { engine: theirs.filter(|theirs| !theirs.is_ours()) }
    }

    /// Bounds an empty folder, or does so again after a restart of the machine: an image beside it keeps the content.
    /// Its owner and mode stay.
    ///
    /// # Errors
    /// This process is not root, the kernel has no loop devices, or there is no `mkfs.ext4`: the folder is then as it was.
    pub async fn hold(&self, folder: &Path, room: VolumeRoom) -> Result<(), SandboxError> {
        let failed = |source| SandboxError::Io { what: format!("bound `{}`", folder.display()), source };
        let held = match self.try_hold(folder, room).await {
            Ok(()) => return Ok(()),
            Err(error) => failed(error),
        };
        self.release(folder).await?;
        Err(held)
    }

    /// Whether a folder was bounded, by this process or an earlier one.
    pub fn is_held(folder: &Path) -> bool {
        image(folder).exists()
    }

    /// Ends a bound, with everything in the folder. One that was none is no error.
    ///
    /// # Errors
    /// The folder cannot be taken from the machine's mounts.
    pub async fn release(&self, folder: &Path) -> Result<(), SandboxError> {
        let failed = |source| SandboxError::Io { what: format!("release `{}`", folder.display()), source };
        self.unmount(folder).await.map_err(failed)?;
        match fs::remove_file(image(folder)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        }
    }

    async fn try_hold(&self, folder: &Path, room: VolumeRoom) -> io::Result<()> {
        if !rustix::process::geteuid().is_root() {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "only root mounts file systems"));
        }
        let before = fs::metadata(folder)?;
        let ours = Space::ours();
        if ours.device(folder)?.is_none() {
            let image = make(&image(folder), room).await?;
            let options = format!("loop,{OPTIONS}");
            run(
                &ours,
                "mount",
                &["-t".as_ref(), "ext4".as_ref(), "-o".as_ref(), options.as_ref(), &image, folder],
            )
            .await?;
            // else it would be the job's to see
            let _ = fs::remove_dir(folder.join("lost+found"));
            chown(folder, Some(before.uid()), Some(before.gid()))?;
            fs::set_permissions(folder, fs::Permissions::from_mode(before.mode() & 0o7777))?;
        }
        let Some(engine) = &self.engine else { return Ok(()) };
        let gone = || io::Error::other("the mount went away");
        let device = ours.device(folder)?.ok_or_else(gone)?;
        if engine.device(folder)?.is_none() {
            run(
                engine,
                "mount",
                &["-t".as_ref(), "ext4".as_ref(), "-o".as_ref(), OPTIONS.as_ref(), &device, folder],
            )
            .await?;
        }
        Ok(())
    }

    async fn unmount(&self, folder: &Path) -> io::Result<()> {
        let ours = Space::ours();
        for space in self.engine.iter().chain([&ours]) {
            let mut layers = LAYERS;
            // an engine that is gone took its mounts with it
            while space.device(folder).is_ok_and(|device| device.is_some()) && layers > 0 {
                run(space, "umount", &["--lazy".as_ref(), folder]).await?;
                layers -= 1;
            }
        }
        Ok(())
    }
}

/// Where a folder's content is.
fn image(folder: &Path) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(".img");
    name.into()
}

/// Makes an image where there is none.
async fn make(image: &Path, room: VolumeRoom) -> io::Result<PathBuf> {
    if image.exists() {
        return Ok(image.to_owned());
    }
    // a crash leaves no half one under the name
    let part = image.with_extension("part");
    let file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&part)?;
    file.set_len(room.image_bytes())?;
    let inodes = room.inodes().to_string();
    let words = ["-q", "-F", "-b", "4096", "-m", "0", "-O", "^has_journal,^resize_inode", "-N", &inodes];
    let lazily = ["-E", "lazy_itable_init=1,nodiscard"];
    let mut args: Vec<&Path> = words.iter().chain(&lazily).map(Path::new).collect();
    args.push(&part);
    run(&Space::ours(), "mkfs.ext4", &args).await?;
    fs::rename(&part, image)?;
    Ok(image.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_a_little_larger_than_its_room() {
        let room = VolumeRoom { bytes: 64 << 20, files: 0 };
        assert_eq!(
            room.image_bytes(),
            (64 << 20) + (1 << 20) + (8 << 20) + (64 * 320_u64).next_multiple_of(4096)
        );
        assert!(VolumeRoom { bytes: u64::MAX / 2, files: u64::MAX / 1000 }.image_bytes() > u64::MAX / 2);
    }

    #[tokio::test]
    async fn what_is_not_bounded_is_released_without_a_word() {
        let dir = tempfile::tempdir().unwrap();
        Volumes::default().release(dir.path()).await.unwrap();
        assert!(!Volumes::is_held(dir.path()));
    }
}
