//! Who may send which files.

use cyxwiz_model::{AccountId, AttemptId, FilePath, JobId, MAX_FILES};
use cyxwiz_proto::v1::Reason;
use http::HeaderMap;
use sqlx::Row as _;

use super::fault::Fault;
use super::row::bytes;
use super::{FileKind, Files, StoredFile};
use crate::auth::bearer;
use crate::db::DbId as _;
use crate::{Caller, Refusal};

/// States in which a buyer may send inputs.
const INPUT_STATES: [&str; 2] = ["draft", "funded"];
/// States in which an attempt may send what it made.
const ATTEMPT_STATES: [&str; 4] = ["assigned", "preparing", "running", "publishing"];

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    Buyer(AccountId),
    Attempt(AttemptId),
}

impl Sender {
    /// Who sends this request.
    pub(super) fn of(files: &Files, caller: &Caller, headers: &HeaderMap) -> Result<Self, Fault> {
        if let Some(attempt) = bearer(headers).and_then(|shown| files.token_attempt(shown)) {
            return Ok(Self::Attempt(attempt));
        }
        match caller {
            Caller::Buyer(buyer) => Ok(Self::Buyer(buyer.account)),
            Caller::Node(_) => {
                Err(Refusal::new(Reason::REASON_WRONG_ROLE, "a node sends files by an upload token")
                    .mend("use the token of the assignment")
                    .into())
            }
            _ => {
                Err(Refusal::no_session("the request carries no session and no upload token that is good")
                    .into())
            }
        }
    }
}

impl Files {
    /// Whether the sender may send this kind of file of this job now, whatever its path.
    pub(super) async fn may_send(&self, sender: Sender, job: JobId, kind: FileKind) -> Result<(), Fault> {
        let (query, id, states) = match (sender, kind) {
            (Sender::Buyer(account), FileKind::Input) => (
                "SELECT state FROM jobs WHERE id = $1 AND account_id = $2",
                account.uuid(),
                INPUT_STATES.as_slice(),
            ),
            (Sender::Attempt(attempt), FileKind::Output | FileKind::Checkpoint) => (
                "SELECT j.state FROM jobs j JOIN attempts a ON a.job_id = j.id
                 WHERE j.id = $1 AND a.id = $2 AND j.attempt_id = a.id",
                attempt.uuid(),
                ATTEMPT_STATES.as_slice(),
            ),
            (Sender::Buyer(_), _) => return Err(wrong_kind("a buyer sends inputs")),
            (Sender::Attempt(_), _) => return Err(wrong_kind("an attempt sends outputs and checkpoints")),
        };
        let state: Option<String> =
            sqlx::query_scalar(query).bind(job.uuid()).bind(id).fetch_optional(self.0.db.pool()).await?;
        match state {
            None => Err(Refusal::not_found("job", job).into()),
            Some(state) if states.contains(&state.as_str()) => Ok(()),
            Some(state) => {
                let message = format!("job {job} is {state}: it takes no {kind} files");
                Err(Refusal::new(Reason::REASON_WRONG_STATE, message).subject(job.to_string()).into())
            }
        }
    }

    /// Whether a job is the sender's own.
    pub(super) async fn owns(&self, sender: Sender, job: JobId) -> Result<bool, Fault> {
        let Sender::Buyer(account) = sender else { return Ok(false) };
        let own: Option<i32> = sqlx::query_scalar("SELECT 1 FROM jobs WHERE id = $1 AND account_id = $2")
            .bind(job.uuid())
            .bind(account.uuid())
            .fetch_optional(self.0.db.pool())
            .await?;
        Ok(own.is_some())
    }

    /// Whether a file may be begun: an input as it was declared, an output within its bounds.
    pub(super) async fn may_begin(&self, sender: Sender, file: &StoredFile) -> Result<(), Fault> {
        match sender {
            Sender::Buyer(_) => self.declared(file.job, &file.path, file).await,
            Sender::Attempt(attempt) => self.within(attempt, file).await,
        }
    }

    async fn declared(&self, job: JobId, path: &FilePath, file: &StoredFile) -> Result<(), Fault> {
        let row = sqlx::query("SELECT size, sha256 FROM job_inputs WHERE job_id = $1 AND path = $2")
            .bind(job.uuid())
            .bind(path.as_str())
            .fetch_optional(self.0.db.pool())
            .await?;
        let same = match &row {
            None => return Err(Fault::bad("path", format!("`{path}` is not among the files of job {job}"))),
            Some(row) => {
                row.try_get::<i64, _>(0)? == bytes(file.size)? && row.try_get::<&[u8], _>(1)? == file.sha256
            }
        };
        if same {
            Ok(())
        } else {
            Err(Fault::bad("path", format!("`{path}` was declared with another size or digest")))
        }
    }

    async fn within(&self, attempt: AttemptId, file: &StoredFile) -> Result<(), Fault> {
        let row = sqlx::query(
            "SELECT count(*), coalesce(sum(size), 0)::bigint FROM files
             WHERE attempt_id = $1 AND kind = $2 AND number = $3 AND path <> $4",
        )
        .bind(attempt.uuid())
        .bind(file.kind.as_str())
        .bind(i64::from(file.number))
        .bind(file.path.as_str())
        .fetch_one(self.0.db.pool())
        .await?;
        let (files, sum): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        let most = self.0.max_output_bytes;
        let sum = u64::try_from(sum).unwrap_or(u64::MAX).saturating_add(file.size);
        if usize::try_from(files).is_ok_and(|files| files >= MAX_FILES) {
            return Err(Fault::with(
                413,
                Reason::REASON_QUOTA,
                format!("more than {MAX_FILES} {} files", file.kind),
            ));
        }
        if sum > most {
            let message = format!("{sum} bytes of {} files, at most {most} are taken", file.kind);
            return Err(Fault::with(413, Reason::REASON_QUOTA, message));
        }
        Ok(())
    }
}

fn wrong_kind(message: &str) -> Fault {
    Refusal::new(Reason::REASON_WRONG_ROLE, message).subject("kind").into()
}
