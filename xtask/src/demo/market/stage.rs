use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::cmd::cmd;
use crate::containers::Engine;
use crate::demo::Profile;
use crate::images::Image;
use crate::place::Place;

/// Ports of the demo's own, so that it disturbs no chain or server that runs.
pub(super) const RPC: u16 = 18_899;
pub(super) const WS: u16 = 18_900;
pub(super) const SERVER: u16 = 18_420;
pub(super) const ADMIN: u16 = 18_421;

/// Where the demo is played, and by which programs.
pub(super) struct Stage {
    /// The repository, in which the buyer stands.
    pub(super) root: PathBuf,
    /// Everything that the demo writes.
    pub(super) home: PathBuf,
    /// Guest programs.
    pub(super) guests: PathBuf,
    pub(super) engine: Engine,
    /// Images by their names, as the server wants them.
    pub(super) images: String,
    pub(super) pytorch: bool,
    bin: PathBuf,
}

impl Stage {
    pub(super) fn new(
        place: &Place,
        profile: Profile,
        engine: &Engine,
        known: &[(Image, String)],
        guests: PathBuf,
    ) -> Result<Self> {
        // not in the cache: a PostgreSQL that gives up root cannot get through the home of root
        let home = std::env::temp_dir().join("cyxwiz-demo-market");
        let _ = fs::remove_dir_all(&home);
        fs::create_dir_all(home.join("buyer"))?;
        let named = known.iter().map(|(image, id)| format!("{}={id}", image.name()));
        Ok(Self {
            root: place.root.clone(),
            home,
            guests,
            engine: engine.clone(),
            images: named.collect::<Vec<_>>().join(","),
            pytorch: known.iter().any(|(image, _)| *image == Image::Pytorch),
            bin: place.target.join(profile.folder()),
        })
    }

    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.home.join(format!("{name}.log"))
    }

    pub(super) fn wallet(&self, name: &str) -> PathBuf {
        self.home.join(format!("chain/wallets/{name}.json"))
    }

    /// One of the market's programs.
    pub(super) fn program(&self, name: &str) -> Command {
        cmd(self.bin.join(name), [] as [&str; 0])
    }

    pub(super) fn rpc() -> String {
        format!("http://127.0.0.1:{RPC}")
    }

    pub(super) fn url() -> String {
        format!("http://127.0.0.1:{SERVER}")
    }

    /// A path as it is typed where the buyer stands.
    pub(super) fn typed(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}
