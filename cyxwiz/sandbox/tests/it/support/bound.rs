use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use cyxwiz_sandbox::{Engine, VolumeRoom, Volumes};

/// A folder that is bounded for a test, and released however the test ends.
pub(crate) struct Bound {
    volumes: Volumes,
    folder: PathBuf,
    image: PathBuf,
    released: bool,
}

impl Bound {
    pub(crate) async fn make(engine: &Engine, folder: &Path, room: VolumeRoom) -> Self {
        let volumes = Volumes::of(Some(engine));
        let before = fs::metadata(folder).unwrap();
        volumes.hold(folder, room).await.unwrap();
        let after = fs::metadata(folder).unwrap();
        assert_eq!((after.mode(), after.uid()), (before.mode(), before.uid()));
        assert_ne!(after.dev(), before.dev(), "a file system of its own");
        let image = PathBuf::from(format!("{}.img", folder.display()));
        let bound = Self { volumes, folder: folder.to_owned(), image, released: false };
        assert!(fs::metadata(&bound.image).unwrap().len() <= room.image_bytes());
        bound
    }

    /// Bytes of the host's disk that it takes.
    pub(crate) fn on_disk(&self) -> u64 {
        let file = fs::File::open(&self.image).unwrap();
        rustix::fs::syncfs(fs::File::open(&self.folder).unwrap()).unwrap();
        file.metadata().unwrap().blocks() * 512
    }

    /// Ends the bound, and asserts that nothing of it is left.
    pub(crate) async fn release(mut self) {
        self.released = true;
        self.volumes.release(&self.folder).await.unwrap();
        assert!(!self.image.exists() && !Volumes::is_held(&self.folder));
        assert_eq!(fs::read_dir(&self.folder).unwrap().count(), 0, "what it held is gone with it");
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if self.released {
            return;
        }
        let (volumes, folder) = (self.volumes.clone(), self.folder.clone());
        let releasing = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(volumes.release(&folder)).unwrap();
        });
        releasing.join().unwrap();
    }
}
