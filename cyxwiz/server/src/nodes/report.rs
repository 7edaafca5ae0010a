use buffa::Message as _;
use cyxwiz_model::{
    AttemptId, Epoch, Event, JobState, Moment, NodeId, Reason, SUSPECT_AFTER, Span, final_reason, may_report,
};
use cyxwiz_proto::v1;
use cyxwiz_proto::v1::__buffa::oneof::report_attempt_request::Step;
use sqlx::PgConnection;

use super::attempt::{Attempt, attempt};
use super::finish::{End, finish};
use super::manifest::{Manifest, stored};
use crate::db::DbId as _;
use crate::jobs::moves::tell;
use crate::jobs::{Job, Said, apply, lock};
use crate::market::{Funnel, Market, note, timestamp};
use crate::{Refusal, ServerError};

/// Characters of what a node says.
const WORDS: usize = 500;
/// Files of one checkpoint, or of the outputs.
const MAX_FILES: usize = 10_000;

/// A report whose attempt was checked: it is the caller's, and the job's present one.
struct Report<'a> {
    market: &'a Market,
    job: Job,
    attempt: Attempt,
    now: Moment,
}

pub(super) async fn report(
    market: &Market,
    node: NodeId,
    request: v1::ReportAttemptRequest,
) -> Result<v1::ReportAttemptResponse, Refusal> {
    let id: AttemptId = request.attempt_id.parse().map_err(|error| Refusal::field("attempt_id", error))?;
    let step = request.step.ok_or_else(|| Refusal::field("step", "the report says nothing"))?;
    if matches!(step, Step::Exited(_) | Step::Finished(_)) {
        // what was beaten until now counts before the meter ends
        super::beats::flush(market).await?;
    }
    let now = market.now();
    let found = attempt(market.pool(), id).await?.filter(|found| found.node == node);
    let found = found.ok_or_else(|| Refusal::not_found("attempt", id))?;
    let mut tx = market.begin().await?;
    let job = lock(&mut tx, found.job).await?.ok_or_else(|| Refusal::not_found("attempt", id))?;
    may_report(job.current(), id, Epoch(request.epoch)).map_err(|stale| {
        Refusal::new(v1::Reason::REASON_STALE_EPOCH, stale.to_string()).subject(id.to_string())
    })?;
    // read again: nothing of it changes while the job's row is held
    let current = attempt(&mut *tx, id).await?.ok_or_else(|| Refusal::not_found("attempt", id))?;
    let mut report = Report { market, job, attempt: current, now };
    match step {
        Step::Preparing(preparing) => report.preparing(&mut tx, &preparing).await?,
        Step::Started(started) => report.started(&mut tx, &started).await?,
        Step::Exited(exited) => report.exited(&mut tx, &exited).await?,
        Step::Checkpoint(checkpoint) => report.checkpoint(&mut tx, &checkpoint).await?,
        Step::Finished(finished) => report.finished(&mut tx, &finished).await?,
    }
    tx.commit().await?;
    Ok(v1::ReportAttemptResponse { at: timestamp(now).into(), ..Default::default() })
}

impl Report<'_> {
    async fn preparing(&self, conn: &mut PgConnection, preparing: &v1::Preparing) -> Result<(), Refusal> {
        let words = match preparing.phase.as_str() {
            "files" => "the node fetches the files",
            "image" => "the node fetches the image",
            "requirements" => "the node installs the requirements",
            _ => return Err(Refusal::field("preparing.phase", "files, image or requirements")),
        };
        if self.job.state == JobState::Preparing {
            tell(conn, &self.job, self.now, Said::words(words)).await?;
        }
        Ok(())
    }

    async fn started(&mut self, conn: &mut PgConnection, started: &v1::Started) -> Result<(), Refusal> {
        if !matches!(self.job.state, JobState::Assigned | JobState::Preparing) {
            // told again
            return Ok(());
        }
        if started.artifact_digest.len() > 200 || started.task_id.len() > 100 {
            return Err(Refusal::field("started", "no digest, or no id of a task"));
        }
        sqlx::query(
            "INSERT INTO meters (attempt_id, job_id, started_at, last_at, counted_ms) VALUES ($1, $2, $3, $3, 0)
             ON CONFLICT DO NOTHING",
        )
        .bind(self.attempt.id.uuid())
        .bind(self.job.id.uuid())
        .bind(self.now.0)
        .execute(&mut *conn)
        .await?;
        sqlx::query(
            "UPDATE attempts SET artifact_digest = $2, task_id = $3, accepted_at = coalesce(accepted_at, $4)
             WHERE id = $1",
        )
        .bind(self.attempt.id.uuid())
        .bind(&started.artifact_digest)
        .bind(&started.task_id)
        .bind(self.now.0)
        .execute(&mut *conn)
        .await?;
        note(&mut *conn, self.job.account.uuid(), Funnel::Started, self.now).await?;
        note(&mut *conn, self.attempt.node.uuid(), Funnel::Ran, self.now).await?;
        apply(conn, &mut self.job, Event::Started, self.now, Said::words("the script runs")).await?;
        Ok(())
    }

    async fn exited(&mut self, conn: &mut PgConnection, exited: &v1::Exited) -> Result<(), Refusal> {
        if !matches!(self.job.state, JobState::Preparing | JobState::Running) {
            return Ok(());
        }
        end_meter(conn, self.attempt.id, self.now).await?;
        sqlx::query("UPDATE attempts SET exited = $2 WHERE id = $1")
            .bind(self.attempt.id.uuid())
            .bind(exited.encode_to_vec())
            .execute(&mut *conn)
            .await?;
        let words = match exited.ending.as_option() {
            Some(ending) => {
                format!("the script is gone ({}); its outputs are uploaded", words_of(&ending.reason))
            }
            None => "the script is gone; its outputs are uploaded".to_owned(),
        };
        apply(conn, &mut self.job, Event::Exited, self.now, Said::words(&words)).await?;
        Ok(())
    }

    async fn checkpoint(&self, conn: &mut PgConnection, checkpoint: &v1::Checkpoint) -> Result<(), Refusal> {
        let number = i32::try_from(checkpoint.number).ok().filter(|number| *number > 0);
        let number = number.ok_or_else(|| Refusal::field("checkpoint.number", "counted from 1"))?;
        if checkpoint.files.is_empty() || checkpoint.files.len() > MAX_FILES {
            return Err(Refusal::field("checkpoint.files", format!("1 to {MAX_FILES}")));
        }
        let stored = stored(conn, self.attempt.id, "checkpoint", number).await?;
        if let Some(lie) = Manifest::of(&checkpoint.files, &stored, &[]).lie {
            return Err(
                Refusal::new(v1::Reason::REASON_FILES_MISSING, lie).mend("upload it, and report again")
            );
        }
        sqlx::query(
            "INSERT INTO checkpoints (attempt_id, number, job_id, epoch, at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO NOTHING",
        )
        .bind(self.attempt.id.uuid())
        .bind(number)
        .bind(self.job.id.uuid())
        .bind(i32::try_from(self.attempt.epoch.0).unwrap_or(i32::MAX))
        .bind(self.now.0)
        .execute(conn)
        .await?;
        Ok(())
    }

    async fn finished(&mut self, conn: &mut PgConnection, finished: &v1::Finished) -> Result<(), Refusal> {
        if !self.job.state.has_node() {
            // told again: it was decided
            return Ok(());
        }
        if finished.outputs.len() > MAX_FILES {
            return Err(Refusal::field("finished.outputs", format!("at most {MAX_FILES}")));
        }
        if matches!(self.job.state, JobState::Running | JobState::Preparing) {
            self.exited(conn, &v1::Exited { ending: finished.ending.clone(), ..Default::default() }).await?;
        }
        sqlx::query("UPDATE attempts SET finished = $2 WHERE id = $1")
            .bind(self.attempt.id.uuid())
            .bind(finished.encode_to_vec())
            .execute(&mut *conn)
            .await?;
        let spec = self.job.parsed_spec()?;
        let stored = stored(conn, self.attempt.id, "output", 0).await?;
        let manifest = Manifest::of(&finished.outputs, &stored, &spec.expected_outputs);
        let end = self.judge(finished, &manifest);
        finish(self.market, conn, &mut self.job, &self.attempt, end, self.now).await?;
        Ok(())
    }

    /// What the node says, against what the server knows.
    fn judge(&self, finished: &v1::Finished, manifest: &Manifest) -> End {
        let ending = finished.ending.as_option().cloned().unwrap_or_default();
        let said: Reason = ending.reason.parse().unwrap_or(Reason::NodeError);
        let ran = self
            .attempt
            .meter
            .map_or(Span::ZERO, |meter| meter.ended.unwrap_or(self.now).since(meter.started));
        let reason =
            final_reason(said, self.attempt.stop_reason, self.attempt.started(), ran, self.job.timeout);
        let end =
            |reason, message: String| End { reason, exit_code: ending.exit_code, message, by_node: true };
        if let Some(lie) = &manifest.lie {
            return end(Reason::BadResult, format!("the node's results are not what it said: {lie}"));
        }
        if reason == Reason::Succeeded && !self.attempt.started() {
            return end(
                Reason::NodeError,
                "the node says that a script succeeded that never started".to_owned(),
            );
        }
        if reason == Reason::Succeeded && !manifest.missing.is_empty() {
            let message = format!("expected outputs are not there: {}", manifest.missing.join(", "));
            return end(Reason::NoOutput, message);
        }
        let words = words_of(&ending.message);
        let message = if words.is_empty() { format!("the run ended: {reason}") } else { words };
        end(reason, message)
    }
}

/// What a node says, at a length that people read.
fn words_of(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(WORDS).collect()
}

/// The script is gone: the meter stops by the server's clock.
async fn end_meter(conn: &mut PgConnection, attempt: AttemptId, now: Moment) -> Result<(), ServerError> {
    sqlx::query(
        "UPDATE meters SET ended_at = greatest(last_at, $2), last_at = greatest(last_at, $2),
            counted_ms = counted_ms + CASE WHEN $2 - last_at BETWEEN 0 AND $3 THEN $2 - last_at ELSE 0 END
         WHERE attempt_id = $1 AND ended_at IS NULL",
    )
    .bind(attempt.uuid())
    .bind(now.0)
    .bind(i64::try_from(SUSPECT_AFTER.0).unwrap_or(i64::MAX))
    .execute(conn)
    .await?;
    Ok(())
}
