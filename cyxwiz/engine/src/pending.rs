//! The transaction that was signed last and whose end nobody has seen: kept in a file before it is sent, so that a
//! command that was cut off is not repeated by mistake.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use cyxwiz_chain::{Journal, Signed};
use serde::{Deserialize, Serialize};

use crate::context::{Chain, state_dir};
use crate::error::CliError;

/// One file for an owner on a chain.
#[derive(Debug)]
pub(crate) struct Pending {
    path: PathBuf,
    what: String,
}

/// What it holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// In words, for the person who asked for it.
    pub(crate) what: String,
    /// The transaction.
    pub(crate) signed: Signed,
}

impl Pending {
    /// That of this owner here. `what` says in words what is about to be sent.
    pub(crate) fn of(chain: &Chain, owner: &str, what: String) -> Result<Self, CliError> {
        let name = format!("{}-{}-{owner}.json", chain.network.cluster, chain.network.program.id);
        Ok(Self { path: state_dir()?.join("pending").join(name), what })
    }

    /// What was left over by an earlier command.
    pub(crate) fn left(&self) -> Result<Option<Record>, CliError> {
        match fs::read(&self.path) {
            Ok(bytes) => {
                let record = serde_json::from_slice(&bytes).map_err(|error| self.failed(error.into()))?;
                Ok(Some(record))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Its end is known.
    pub(crate) fn clear(&self) -> Result<(), CliError> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed(error)),
            _ => Ok(()),
        }
    }

    fn write(&self, signed: &Signed) -> io::Result<()> {
        let dir = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(dir)?;
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        let record = Record { what: self.what.clone(), signed: signed.clone() };
        file.write_all(&serde_json::to_vec(&record)?)?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        Ok(())
    }

    fn failed(&self, source: io::Error) -> CliError {
        CliError::Journal { path: self.path.display().to_string(), source }
    }
}

impl Journal for Pending {
    type Error = io::Error;

    async fn signed(&mut self, signed: &Signed) -> Result<(), io::Error> {
        self.write(signed)
    }
}
