use std::{path::PathBuf, time::Instant};

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use vyr_model::{Digest, SecretKey};
use vyr_sdk::control::Durability;
use vyr_store::load_secret_key;

use crate::{
    artifact::Program,
    node::{Node, NodeSetup},
    options::{Options, Sizes},
    watcher::{Watcher, submit},
};

/// What all measurements share: folders, programs, and a client runtime of one thread.
pub(crate) struct Lab {
    pub(crate) options: Options,
    pub(crate) sizes: Sizes,
    pub(crate) runtime: Runtime,
    pub(crate) noop: Program,
    pub(crate) spin: Program,
    pub(crate) sleep: Program,
    /// A component of about 100 kB.
    pub(crate) large: Program,
    dir: TempDir,
    begun: Instant,
}

/// The two promises, and their names in results.
pub(crate) const DURABILITIES: [(&str, Durability); 2] =
    [("durable", Durability::Durable), ("volatile", Durability::Volatile)];

impl Lab {
    pub(crate) fn new(options: &Options) -> Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("vyr-bench-");
        let dir = match &options.dir {
            Some(dir) => builder.tempdir_in(dir),
            None => builder.tempdir(),
        };
        let program = |name| Program::read(&options.guests, name);
        Ok(Self {
            options: options.clone(),
            sizes: options.sizes(),
            // one thread: what the client costs is cost of the path, what its threads would is not
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            noop: program("noop")?,
            spin: program("spin")?,
            sleep: program("sleep")?,
            large: program("out-files")?,
            dir: dir.context("cannot make a folder for the node's home")?,
            begun: Instant::now(),
        })
    }

    /// Returns how nodes are started whose home is called `name`.
    pub(crate) fn setup(&self, name: &str) -> NodeSetup {
        NodeSetup::new(&self.options.vyr, self.path(name))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Tells on stderr what is going on.
    pub(crate) fn say(&self, what: &str) {
        crate::machine::say(self.begun, what);
    }

    /// Puts a program and runs it twice: its code is in memory then.
    pub(crate) async fn warm_up(&self, node: &Node, program: &Program) -> Result<(Watcher, Digest)> {
        let client = node.client()?;
        let digest = program.put(&client, &key(node)?).await?;
        let mut watcher = Watcher::open(&client).await?;
        for (_, durability) in DURABILITIES {
            watcher.time(submit(digest, durability)).await?;
        }
        Ok((watcher, digest))
    }
}

/// Returns the key that signs for a node: its own.
pub(crate) fn key(node: &Node) -> Result<SecretKey> {
    Ok(load_secret_key(&node.home().join("keys/local.pem"))?)
}
