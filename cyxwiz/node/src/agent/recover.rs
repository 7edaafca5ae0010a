//! What an earlier run of the agent left.

use buffa::Message as _;
use cyxwiz_proto::v1;

use super::service::Agent;
use crate::attempt::{Start, remove};
use crate::containers::volumes;
use crate::error::CliError;
use crate::home::AttemptDir;
use crate::job::Job;
use crate::journal::Step;

impl Agent {
    /// Takes up the attempts that the journal has, and removes the folders of others.
    pub(super) async fn recover(&self) -> Result<(), CliError> {
        let path = self.tools.home.journal();
        let broken =
            |error: crate::journal::JournalError| CliError::file("read", &path, std::io::Error::other(error));
        let kept = self.tools.journal.unfinished().map_err(broken)?;
        let known: Vec<String> = kept.iter().map(|kept| kept.id.to_string()).collect();
        self.sweep_folders(&known).await?;
        for kept in kept {
            let assignment = v1::Assignment::decode_from_slice(&kept.assignment);
            let job = assignment
                .map_err(|error| error.to_string())
                .and_then(|assignment| Job::try_from(assignment).map_err(|error| error.to_string()));
            let job = match job {
                Ok(job) => job,
                Err(error) => {
                    tracing::error!(attempt.id = %kept.id, error, "the journal has an attempt that cannot be read: forgotten");
                    self.tools.journal.forget(kept.id).map_err(broken)?;
                    continue;
                }
            };
            let start = match (kept.step, kept.ending) {
                (Step::Publishing, Some(ending)) => {
                    Start::Publishing(Box::new(v1::Ending::decode_from_slice(&ending).unwrap_or_default()))
                }
                (Step::Preparing, _) => Start::New,
                _ => Start::Ran { task: kept.task },
            };
            tracing::info!(attempt.id = %kept.id, step = ?kept.step, "takes up an attempt of an earlier run");
            self.spawn(job, start);
        }
        Ok(())
    }

    /// Removes folders of attempts that the journal does not know.
    async fn sweep_folders(&self, known: &[String]) -> Result<(), CliError> {
        let folder = self.tools.home.attempts();
        let entries = std::fs::read_dir(&folder).map_err(|source| CliError::file("read", &folder, source))?;
        let volumes = volumes(self.tools.containers.as_ref());
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if known.contains(&name) {
                continue;
            }
            if let Err(error) = remove(&volumes, &AttemptDir::found(entry.path())).await {
                tracing::warn!(path = %entry.path().display(), error, "a left folder was not removed");
            }
        }
        Ok(())
    }
}
