//! What programs read about jobs: words in place of numbers, amounts in base units, times as RFC 3339 has them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use buffa_types::google::protobuf::Timestamp;
use cyxwiz_model::{Coin, JobState, Money};
use cyxwiz_proto::v1::__buffa::oneof::watch_job_response::Event;
use cyxwiz_proto::v1::{self, FailureClass, LogStream};
use cyxwiz_proto::{coin_of, state_of};
use serde_json::{Map, Value, json};

/// A job.
pub(crate) fn job(job: &v1::Job) -> Value {
    let spec = job.spec.as_option();
    json!({
        "id": job.id,
        "name": spec.map(|spec| &spec.name),
        "state": state(job.state),
        "price_micro_usd": job.quote.as_option().map(|quote| quote.micro_usd_per_hour),
        "rate": job.quote.as_option().and_then(|quote| Some(money(coin_of(quote.coin)?, quote.base_units_per_hour))),
        "max_price_micro_usd": spec.map(|spec| spec.max_micro_usd_per_hour),
        "timeout_seconds": spec.map(|spec| spec.timeout_seconds),
        "terms": job.terms.as_option().map(terms),
        "cost": job.cost.as_option().map(cost),
        "ending": job.ending.as_option().map(ending),
        "attempts": job.attempts.iter().map(attempt).collect::<Vec<_>>(),
        "created_at": time(job.created_at.as_option()),
        "ended_at": time(job.ended_at.as_option()),
        "dispute_until": time(job.dispute_until.as_option()),
        "open_signature": some(&job.open_signature),
        "close_signature": some(&job.close_signature),
        "waiting_because": some(&job.waiting_because),
        "event_seq": job.event_seq,
    })
}

/// An event of a job. Bytes that are no text stand in base64.
pub(crate) fn event(event: &v1::WatchJobResponse) -> Value {
    let (name, fields) = match &event.event {
        Some(Event::State(change)) => (
            "state",
            json!({
                "state": state(change.state),
                "epoch": change.epoch,
                "message": change.message,
                "ending": change.ending.as_option().map(ending),
            }),
        ),
        Some(Event::Log(log)) => {
            let (text, base64) = match std::str::from_utf8(&log.data) {
                Ok(text) => (Some(text), None),
                Err(_) => (None, Some(BASE64_STANDARD.encode(&log.data))),
            };
            let stream = stream(log.stream.as_known());
            ("log", json!({ "epoch": log.epoch, "stream": stream, "text": text, "base64": base64 }))
        }
        Some(Event::Progress(progress)) => (
            "progress",
            json!({
                "epoch": progress.epoch,
                "step": progress.step,
                "total": progress.total,
                "values": progress.values.iter().collect::<std::collections::BTreeMap<_, _>>(),
            }),
        ),
        Some(Event::Cost(so_far)) => ("cost", json!({ "cost": cost(so_far) })),
        Some(Event::Usage(usage)) => (
            "usage",
            json!({
                "cpu_ms": usage.cpu_ms,
                "memory_bytes": usage.memory_bytes,
                "gpu_percent": usage.gpu_percent,
                "gpu_memory_bytes": usage.gpu_memory_bytes,
            }),
        ),
        None => ("unknown", json!({})),
    };
    let mut object = Map::new();
    object.insert("event".to_owned(), json!(name));
    // live values have no number: they are not repeated
    if event.seq != 0 {
        object.insert("seq".to_owned(), json!(event.seq));
    }
    object.insert("at".to_owned(), time(event.at.as_option()));
    if let Value::Object(fields) = fields {
        object.extend(fields);
    }
    Value::Object(object)
}

/// What a job would cost.
pub(crate) fn estimate(said: &v1::EstimateJobResponse, deposit: Money, limit: Money) -> Value {
    json!({
        "offers": said.offers.iter().map(offer).collect::<Vec<_>>(),
        "matching": said.matching,
        "price_micro_usd": said.quote.as_option().map(|quote| quote.micro_usd_per_hour),
        "deposit": amount(deposit),
        "limit": amount(limit),
        "cloud_micro_usd": said.cloud_micro_usd_per_hour,
        "cloud_offer": some(&said.cloud_offer),
        "queue_length": said.queue_length,
    })
}

fn offer(offer: &v1::Offer) -> Value {
    json!({
        "node": offer.node_id,
        "gpu_type": offer.gpu_type,
        "vram_mib": offer.vram_mib,
        "cpu_milli": offer.cpu_milli,
        "memory_mib": offer.memory_mib,
        "price_micro_usd": offer.micro_usd_per_hour,
    })
}

fn terms(terms: &v1::Terms) -> Value {
    let money = |base_units| coin_of(terms.coin).map(|coin| money(coin, base_units));
    json!({
        "deposit": money(terms.deposit),
        "limit": money(terms.limit),
        "expire_at": terms.expire_at,
        "program": terms.program,
        "settle_key": terms.settle_key,
        "treasury": terms.treasury,
        "fee_bps": terms.fee_bps,
    })
}

fn cost(cost: &v1::Cost) -> Value {
    let money = |base_units| coin_of(cost.coin).map(|coin| money(coin, base_units));
    json!({
        "deposit": money(cost.deposit),
        "charged": money(cost.charged),
        "node": money(cost.node),
        "platform": money(cost.platform),
        "refund": money(cost.refund),
        "metered_ms": cost.metered_ms,
    })
}

fn ending(ending: &v1::Ending) -> Value {
    json!({
        "reason": ending.reason,
        "class": class(ending.failure_class.as_known()),
        "exit_code": ending.exit_code,
        "message": some(&ending.message),
        "outputs_delivered": ending.outputs_delivered,
    })
}

fn attempt(attempt: &v1::Attempt) -> Value {
    json!({
        "id": attempt.id,
        "epoch": attempt.epoch,
        "node": attempt.node_id,
        "assigned_at": time(attempt.assigned_at.as_option()),
        "started_at": time(attempt.started_at.as_option()),
        "ended_at": time(attempt.ended_at.as_option()),
        "ending": attempt.ending.as_option().map(ending),
        "artifact_digest": some(&attempt.artifact_digest),
        "task_id": some(&attempt.task_id),
        "trace_id": some(&attempt.trace_id),
    })
}

/// An amount, as `wallet` shows it.
pub(crate) fn amount(money: Money) -> Value {
    self::money(money.coin, money.amount.0)
}

fn money(coin: Coin, base_units: u64) -> Value {
    json!({ "coin": coin.symbol(), "decimals": coin.decimals(), "base_units": base_units.to_string() })
}

fn state(wire: buffa::EnumValue<v1::JobState>) -> &'static str {
    state_of(wire).map_or("unknown", JobState::word)
}

fn class(class: Option<FailureClass>) -> Option<&'static str> {
    match class {
        Some(FailureClass::User) => Some("user"),
        Some(FailureClass::Node) => Some("node"),
        Some(FailureClass::Platform) => Some("platform"),
        _ => None,
    }
}

fn stream(stream: Option<LogStream>) -> &'static str {
    match stream {
        Some(LogStream::Stdout) => "stdout",
        Some(LogStream::Stderr) => "stderr",
        _ => "system",
    }
}

pub(crate) fn time(at: Option<&Timestamp>) -> Value {
    let at = at.and_then(|at| jiff::Timestamp::new(at.seconds, at.nanos).ok());
    at.map_or(Value::Null, |at| json!(at.to_string()))
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
