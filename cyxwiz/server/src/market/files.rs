//! What of a job's files its node and its buyer are given.

use std::collections::HashMap;

use cyxwiz_model::{AttemptId, JobId, Moment, Span};
use cyxwiz_proto::v1;

use super::Market;
use crate::ServerError;
use crate::files::{FileKind, StoredFile};
use crate::jobs::Job;

/// How long a node may take to fetch what a job needs.
const FETCH: Span = Span::seconds(2 * 3600);

/// Files of jobs, each with its address.
pub(crate) type Links = HashMap<JobId, Vec<v1::FileLink>>;

impl Market {
    /// The inputs of jobs, with addresses for their nodes.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn input_links(&self, jobs: &[JobId]) -> Result<Links, ServerError> {
        Ok(self.for_nodes(&self.ground.files.inputs_of(jobs).await?))
    }

    /// The newest checkpoint of each job that was reported whole, by whichever attempt.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn checkpoint_links(&self, jobs: &[JobId]) -> Result<Links, ServerError> {
        Ok(self.for_nodes(&self.ground.files.newest_checkpoints_of(jobs).await?))
    }

    /// The outputs of a run, with addresses for its buyer.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn output_links(&self, attempt: AttemptId) -> Result<Vec<v1::FileLink>, ServerError> {
        let files = self.ground.files.of_attempt(attempt, FileKind::Output, 0).await?;
        Ok(files.iter().map(|file| self.ground.files.link(file)).collect())
    }

    fn for_nodes(&self, files: &[StoredFile]) -> Links {
        let mut links = Links::new();
        for file in files {
            links.entry(file.job).or_default().push(self.ground.files.link_for(file, FETCH));
        }
        links
    }

    /// With what a node uploads: good as long as the escrow.
    pub(crate) fn upload_token(&self, job: &Job, attempt: AttemptId) -> String {
        let until = Moment(job.terms.expire_at.saturating_mul(1000));
        self.ground.files.upload_token(attempt, until.since(self.now()))
    }
}
