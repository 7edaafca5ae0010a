//! Rows as spans. Pure.

use cyxwiz_model::{AttemptId, JobId, Moment, NodeId, SpanId, TraceId, attempt_span, job_span, part_span};
use uuid::Uuid;
use vyr_telemetry::{FinishedSpan, Stamp, Value};

use super::attr;
use crate::db::DbId as _;
use crate::jobs::Job;

/// What has ended, with what the tables know of it.
#[derive(Clone, Debug, Default, sqlx::FromRow)]
pub(super) struct Due {
    kind: String,
    state: String,
    began_at: i64,
    ended_at: i64,
    outbox_id: Option<i64>,
    job_id: Uuid,
    trace_id: Vec<u8>,
    parent_span: Option<Vec<u8>>,
    queued_at: Option<i64>,
    attempts_used: i32,
    coin: String,
    metered_ms: Option<i64>,
    charged: Option<i64>,
    refunded: Option<i64>,
    recheck: Option<String>,
    recheck_note: String,
    job_reason: Option<String>,
    job_class: Option<String>,
    job_exit: Option<i32>,
    job_message: Option<String>,
    attempt_id: Option<Uuid>,
    epoch: Option<i32>,
    node_id: Option<Uuid>,
    task_id: Option<String>,
    accepted_at: Option<i64>,
    ending_reason: Option<String>,
    ending_class: Option<String>,
    ending_exit: Option<i32>,
    ending_message: Option<String>,
    started_at: Option<i64>,
    payment: Option<String>,
    amount: Option<i64>,
    signature: Option<String>,
    tries: Option<i32>,
    sent_at: Option<i64>,
}

/// Why something ended.
struct Ending {
    reason: Option<String>,
    class: Option<String>,
    exit: Option<i32>,
    message: Option<String>,
}

/// Attributes in the making: what is not known is left out.
#[derive(Default)]
struct Attributes(Vec<(&'static str, Value)>);

impl Attributes {
    fn with(mut self, key: &'static str, value: Option<impl Into<Value>>) -> Self {
        self.0.extend(value.map(|value| (key, value.into())));
        self
    }
}

/// Turns a row into its span; nothing for one that is not well formed.
pub(super) fn span(due: Due) -> Option<FinishedSpan> {
    match due.kind.as_str() {
        "job" => whole_job(due),
        "attempt" => one_attempt(due),
        "verify" => verification(due),
        "payment" => payment(due),
        _ => None,
    }
}

fn whole_job(due: Due) -> Option<FinishedSpan> {
    let parent = due.parent_span.as_deref().and_then(|bytes| bytes.try_into().ok()).map(SpanId);
    let ending = Ending {
        reason: due.job_reason.clone(),
        class: due.job_class.clone(),
        exit: due.job_exit,
        message: due.job_message.clone(),
    };
    let attributes = job_of(&due)
        .with(attr::JOB_STATE, Some(due.state.clone()))
        .with(attr::JOB_ATTEMPTS, Some(i64::from(due.attempts_used)))
        .with(attr::COIN, Some(due.coin.clone()))
        .with(attr::METERED, due.metered_ms)
        .with(attr::CHARGED, due.charged)
        .with(attr::REFUNDED, due.refunded);
    let span = base(&due, "cyxwiz.job", job_span(JobId::from_uuid(due.job_id)), parent)?;
    Some(ended(FinishedSpan { events: at("queued", due.queued_at).collect(), ..span }, attributes, ending))
}

fn one_attempt(due: Due) -> Option<FinishedSpan> {
    let id = attempt_span(AttemptId::from_uuid(due.attempt_id?));
    let ending = Ending {
        reason: due.ending_reason.clone(),
        class: due.ending_class.clone(),
        exit: due.ending_exit,
        message: due.ending_message.clone(),
    };
    let span = base(&due, "cyxwiz.attempt", id, Some(job_span(JobId::from_uuid(due.job_id))))?;
    let events = at("accepted", due.accepted_at).chain(at("started", due.started_at)).collect();
    Some(ended(FinishedSpan { events, ..span }, attempt_of(&due), ending))
}

fn verification(due: Due) -> Option<FinishedSpan> {
    let job = JobId::from_uuid(due.job_id);
    let id = verify_span(job, due.epoch?);
    let attributes = attempt_of(&due)
        .with(attr::JOB_STATE, Some(due.state.clone()))
        .with(attr::RECHECK, due.recheck.clone());
    let why = || if due.recheck_note.is_empty() { due.state.clone() } else { due.recheck_note.clone() };
    // what was verified is settled next
    let failed = (due.state != "settling").then(why);
    let span = base(&due, "cyxwiz.verify", id, Some(job_span(job)))?;
    Some(FinishedSpan { attributes: attributes.0, failed, ..span })
}

fn payment(due: Due) -> Option<FinishedSpan> {
    let name = match due.payment.as_deref()? {
        "assign" => "cyxwiz.payment.assign",
        "top_up" => "cyxwiz.payment.top_up",
        "settle" => "cyxwiz.payment.settle",
        "refund" => "cyxwiz.payment.refund",
        _ => return None,
    };
    let job = job_span(JobId::from_uuid(due.job_id));
    let id = part_span(job, &format!("payment {}", due.outbox_id?));
    let attributes = attempt_of(&due)
        .with(attr::PAYMENT, due.payment.clone())
        .with(attr::PAYMENT_STATE, Some(due.state.clone()))
        .with(attr::AMOUNT, due.amount)
        .with(attr::COIN, Some(due.coin.clone()))
        .with(attr::SIGNATURE, due.signature.clone())
        .with(attr::TRIES, due.tries.map(i64::from));
    let span = base(&due, name, id, Some(job))?;
    Some(FinishedSpan { attributes: attributes.0, events: at("signed", due.sent_at).collect(), ..span })
}

/// A second run of the job's present attempt.
pub(super) fn rerun(
    job: &Job,
    began: Moment,
    over: Moment,
    found: &'static str,
    differs: Option<String>,
) -> Option<FinishedSpan> {
    let parent = verify_span(job.id, i32::try_from(job.epoch.0).ok()?);
    let attributes = Attributes::default()
        .with(attr::JOB, Some(job.id.to_string()))
        .with(attr::ATTEMPT, job.attempt.map(|id| id.to_string()))
        .with(attr::EPOCH, Some(i64::from(job.epoch.0)))
        .with(attr::RECHECK, Some(found));
    Some(FinishedSpan {
        name: "cyxwiz.rerun",
        trace_id: TraceId(job.trace.as_slice().try_into().ok()?),
        span_id: part_span(parent, "rerun"),
        parent: Some(parent),
        answers: false,
        start: stamp(began.0),
        end: stamp(over.0),
        attributes: attributes.0,
        events: Vec::new(),
        failed: differs,
    })
}

/// The span of the time in which the result of an assignment may be doubted.
fn verify_span(job: JobId, epoch: i32) -> SpanId {
    part_span(job_span(job), &format!("verify {epoch}"))
}

fn base(due: &Due, name: &'static str, id: SpanId, parent: Option<SpanId>) -> Option<FinishedSpan> {
    Some(FinishedSpan {
        name,
        trace_id: TraceId(due.trace_id.as_slice().try_into().ok()?),
        span_id: id,
        parent,
        answers: false,
        start: stamp(due.began_at),
        end: stamp(due.ended_at),
        attributes: Vec::new(),
        events: Vec::new(),
        failed: None,
    })
}

fn job_of(due: &Due) -> Attributes {
    Attributes::default().with(attr::JOB, Some(JobId::from_uuid(due.job_id).to_string()))
}

fn attempt_of(due: &Due) -> Attributes {
    job_of(due)
        .with(attr::ATTEMPT, due.attempt_id.map(|id| AttemptId::from_uuid(id).to_string()))
        .with(attr::EPOCH, due.epoch.map(i64::from))
        .with(attr::NODE, due.node_id.map(|id| NodeId::from_uuid(id).to_string()))
        .with(attr::TASK, due.task_id.clone().filter(|task| !task.is_empty()))
}

/// Failed is what is somebody's fault; a run that was cancelled or used its time up is not.
fn ended(span: FinishedSpan, attributes: Attributes, ending: Ending) -> FinishedSpan {
    let Ending { reason, class, exit, message } = ending;
    let failed = class.as_ref().and(reason.as_ref()).map(|reason| match message.as_deref() {
        None | Some("") => reason.clone(),
        Some(message) => format!("{reason}: {message}"),
    });
    let attributes = attributes
        .with(attr::REASON, reason.clone())
        .with(attr::CLASS, class)
        .with(attr::EXIT_CODE, exit.map(i64::from))
        .with(attr::ERROR_TYPE, failed.as_ref().and(reason));
    FinishedSpan { attributes: attributes.0, failed, ..span }
}

fn at(name: &'static str, at: Option<i64>) -> impl Iterator<Item = (&'static str, Stamp)> {
    at.map(|at| (name, stamp(at))).into_iter()
}

fn stamp(ms: i64) -> Stamp {
    Stamp::from_unix_nanos(u64::try_from(ms).unwrap_or(0).saturating_mul(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(kind: &str) -> Due {
        Due {
            kind: kind.to_owned(),
            began_at: 1000,
            ended_at: 3000,
            outbox_id: Some(7),
            job_id: JobId::generate().uuid(),
            trace_id: vec![1; 16],
            parent_span: Some(vec![2; 8]),
            attempt_id: Some(AttemptId::generate().uuid()),
            epoch: Some(1),
            payment: Some("settle".to_owned()),
            ..Due::default()
        }
    }

    fn says(span: &FinishedSpan, key: &str) -> Option<String> {
        span.attributes.iter().find(|(name, _)| *name == key).map(|(_, value)| value.to_string())
    }

    #[test]
    fn everything_of_a_job_hangs_below_it_and_it_below_the_call() {
        let whole = Due { charged: Some(42), queued_at: Some(1500), ..due("job") };
        let job = span(whole.clone()).unwrap();
        assert_eq!((job.trace_id, job.parent), (TraceId([1; 16]), Some(SpanId([2; 8]))));
        assert_eq!(job.end.since(job.start).as_millis(), 2000);
        assert_eq!((says(&job, attr::CHARGED), job.events.len()), (Some("42".to_owned()), 1));
        let mut ids = vec![job.span_id];
        for kind in ["attempt", "verify", "payment"] {
            let part = span(Due { kind: kind.to_owned(), ..whole.clone() }).unwrap();
            assert_eq!(part.parent, Some(job.span_id), "{kind}");
            assert!(!ids.contains(&part.span_id), "{kind}");
            ids.push(part.span_id);
        }
        assert!(span(Due { trace_id: vec![], ..whole.clone() }).is_none());
        assert!(span(Due { kind: "other".to_owned(), ..whole }).is_none());
    }

    #[test]
    fn what_is_somebodys_fault_failed() {
        let of = |reason: &str, class: Option<&str>| Due {
            ending_reason: Some(reason.to_owned()),
            ending_class: class.map(str::to_owned),
            ending_message: Some("words".to_owned()),
            ..due("attempt")
        };
        let lost = span(of("node_lost", Some("node"))).unwrap();
        assert_eq!(lost.failed.as_deref(), Some("node_lost: words"));
        assert_eq!(says(&lost, attr::ERROR_TYPE).as_deref(), Some("node_lost"));
        let cancelled = span(of("cancelled", None)).unwrap();
        assert_eq!((cancelled.failed.as_deref(), says(&cancelled, attr::ERROR_TYPE)), (None, None));
        assert_eq!(says(&cancelled, attr::REASON).as_deref(), Some("cancelled"));
        assert_eq!(span(Due { state: "settling".to_owned(), ..due("verify") }).unwrap().failed, None);
        assert!(span(Due { state: "queued".to_owned(), ..due("verify") }).unwrap().failed.is_some());
    }
}
