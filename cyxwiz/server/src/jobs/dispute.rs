use cyxwiz_model::{Event, JobState, Moment, Reason, Span};
use cyxwiz_proto::v1;

use super::moves::{Said, apply, tell};
use super::row::{Ended, Job, lock, of_account};
use super::view;
use crate::db::DbId as _;
use crate::files::FileKind;
use crate::market::Market;
use crate::nodes::{Attempt, Manifest, attempt, check_manifest};
use crate::payments::write_refund;
use crate::{Buyer, Refusal, ServerError};

/// Damaged outputs that the evidence names.
const NAMED: usize = 5;

pub(super) async fn dispute(
    market: &Market,
    buyer: &Buyer,
    request: v1::DisputeJobRequest,
) -> Result<v1::DisputeJobResponse, Refusal> {
    if !(1..=2000).contains(&request.reason.chars().count()) {
        return Err(Refusal::field("reason", "write 1 to 2,000 characters"));
    }
    let job = of_account(market.pool(), buyer.account, &request.job_id).await?;
    let damaged = damaged(market, &job).await?;
    let now = market.now();
    let mut tx = market.begin().await?;
    let found = lock(&mut tx, job.id).await?;
    let mut job = found.ok_or_else(|| Refusal::not_found("job", job.id))?;
    if job.state != JobState::Verifying || job.dispute_until.is_none_or(|until| now >= until) {
        let message =
            format!("the job is {}: it can be disputed only between its end and its settlement", job.state);
        return Err(Refusal::new(v1::Reason::REASON_WRONG_STATE, message));
    }
    let current = match job.attempt {
        Some(id) => attempt(&mut *tx, id).await?,
        None => None,
    };
    let current = current.ok_or_else(|| ServerError::stored("a job", "it is verified without an attempt"))?;
    let spec = job.parsed_spec()?;
    let manifest = check_manifest(&mut tx, &current, &spec).await?;
    let (mut evidence, upheld) = weigh(&job, &current, &manifest, &damaged, now);
    evidence.extend(crate::verify::evidence(&mut tx, &job).await?);
    record(&mut tx, &job, &request.reason).await?;
    decide(&mut tx, &mut job, upheld, now).await?;
    tx.commit().await?;
    Ok(v1::DisputeJobResponse {
        job: view::one(market, job).await?.into(),
        evidence,
        upheld,
        ..Default::default()
    })
}

/// What the decision rests on, and whether it goes against the run.
fn weigh(
    job: &Job,
    attempt: &Attempt,
    manifest: &Manifest,
    damaged: &[String],
    now: Moment,
) -> (Vec<String>, bool) {
    let mut lines = Vec::new();
    if let Some(ended) = &job.ending {
        let code = ended.exit_code.map_or_else(String::new, |code| format!(" with exit code {code}"));
        lines.push(format!("the run ended by {}{code}", ended.reason));
    }
    if let Some(meter) = &attempt.meter {
        let whole = meter.ended.unwrap_or(now).since(meter.started);
        let gap = Span(whole.0.saturating_sub(meter.counted.0));
        lines.push(format!("it ran for {} ms, {} ms of them without beats and not charged", whole.0, gap.0));
    }
    let stored = manifest.stored.saturating_sub(damaged.len());
    lines.push(format!("{stored} outputs are stored with the digests that the node named"));
    if !damaged.is_empty() {
        let named: Vec<&str> = damaged.iter().take(NAMED).map(String::as_str).collect();
        lines.push(format!(
            "{} outputs are no longer on the platform as they were sent: {}",
            damaged.len(),
            named.join(", ")
        ));
    }
    let succeeded = job.ending.as_ref().is_some_and(|ended| ended.reason == Reason::Succeeded);
    let missing = !manifest.missing.is_empty() && succeeded;
    if !manifest.missing.is_empty() {
        lines.push(format!("expected outputs that are not there: {}", manifest.missing.join(", ")));
    }
    if let Some(lie) = &manifest.lie {
        lines.push(format!("the node's manifest is wrong: {lie}"));
    }
    (lines, missing || manifest.lie.is_some() || !damaged.is_empty())
}

/// The outputs whose bytes are not what was sent any more. Reads them all, hence before anything is locked.
async fn damaged(market: &Market, job: &Job) -> Result<Vec<String>, ServerError> {
    let Some(attempt) = job.attempt.filter(|_| job.state == JobState::Verifying) else {
        return Ok(Vec::new());
    };
    let files = &market.ground.files;
    let mut damaged = Vec::new();
    for file in files.of_attempt(attempt, FileKind::Output, 0).await? {
        if !files.is_intact(&file).await? {
            damaged.push(file.path.to_string());
        }
    }
    Ok(damaged)
}

async fn record(conn: &mut sqlx::PgConnection, job: &Job, reason: &str) -> Result<(), ServerError> {
    sqlx::query("UPDATE jobs SET disputed = $2 WHERE id = $1")
        .bind(job.id.uuid())
        .bind(reason)
        .execute(conn)
        .await?;
    Ok(())
}

async fn decide(
    conn: &mut sqlx::PgConnection,
    job: &mut Job,
    upheld: bool,
    now: Moment,
) -> Result<(), ServerError> {
    if !upheld {
        let words = "disputed: the evidence is for the run, so it is settled";
        return tell(conn, job, now, Said::words(words)).await;
    }
    let message = "disputed: the evidence is against the run, so everything goes back".to_owned();
    let ended = Ended { reason: Reason::Dispute, exit_code: None, message, delivered: false };
    apply(conn, job, Event::Refund, now, Said { message: &ended.message, ended: Some(&ended) }).await?;
    write_refund(conn, job, now).await
}
