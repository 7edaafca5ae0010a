//! What of a job's files its node and its buyer are given.

use cyxwiz_model::{AttemptId, JobId, Moment, Span};
use cyxwiz_proto::v1;
use uuid::Uuid;

use super::Market;
use crate::ServerError;
use crate::db::DbId as _;
use crate::files::{FileKind, StoredFile};
use crate::jobs::Job;

/// How long a node may take to fetch what a job needs.
const FETCH: Span = Span::seconds(2 * 3600);

impl Market {
    /// The inputs, with addresses for a node.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn input_links(&self, job: JobId) -> Result<Vec<v1::FileLink>, ServerError> {
        let files = self.ground.files.of_job(job, FileKind::Input).await?;
        Ok(self.for_node(&files))
    }

    /// The newest checkpoint that was reported whole, by whichever attempt.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn checkpoint_links(&self, job: JobId) -> Result<Vec<v1::FileLink>, ServerError> {
        let newest: Option<(Uuid, i32)> = sqlx::query_as(
            "SELECT attempt_id, number FROM checkpoints WHERE job_id = $1 ORDER BY epoch DESC, number DESC LIMIT 1",
        )
        .bind(job.uuid())
        .fetch_optional(self.pool())
        .await?;
        let Some((attempt, number)) = newest else { return Ok(Vec::new()) };
        let (attempt, number) = (AttemptId::from_uuid(attempt), u32::try_from(number).unwrap_or(0));
        let files = self.ground.files.of_attempt(attempt, FileKind::Checkpoint, number).await?;
        Ok(self.for_node(&files))
    }

    /// The outputs of a run, with addresses for its buyer.
    ///
    /// # Errors
    /// The database failed.
    pub(crate) async fn output_links(&self, attempt: AttemptId) -> Result<Vec<v1::FileLink>, ServerError> {
        let files = self.ground.files.of_attempt(attempt, FileKind::Output, 0).await?;
        Ok(files.iter().map(|file| self.ground.files.link(file)).collect())
    }

    fn for_node(&self, files: &[StoredFile]) -> Vec<v1::FileLink> {
        files.iter().map(|file| self.ground.files.link_for(file, FETCH)).collect()
    }

    /// With what a node uploads: good as long as the escrow.
    pub(crate) fn upload_token(&self, job: &Job, attempt: AttemptId) -> String {
        let until = Moment(job.terms.expire_at.saturating_mul(1000));
        self.ground.files.upload_token(attempt, until.since(self.now()))
    }
}
