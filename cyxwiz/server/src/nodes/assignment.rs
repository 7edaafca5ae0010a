use cyxwiz_model::{Workload, attempt_span};
use cyxwiz_proto::v1;

use super::attempt::Attempt;
use super::logs::MAX_LOG_BYTES;
use crate::ServerError;
use crate::jobs::Job;
use crate::market::{Market, duration};

/// The work of an attempt, with its inputs and the checkpoint that it goes on from.
///
/// # Errors
/// A job that cannot be read.
pub(super) fn assignment(
    market: &Market,
    attempt: &Attempt,
    job: &Job,
    (inputs, checkpoint): (Vec<v1::FileLink>, Vec<v1::FileLink>),
) -> Result<v1::Assignment, ServerError> {
    let config = &market.ground.config.market;
    let image = match &job.parsed_spec()?.workload {
        Workload::Script(script) => image(market, &script.image, !attempt.gpu_uuid.is_empty()),
        Workload::Wasm(_) => String::new(),
    };
    let trace = hex::encode(&job.trace);
    let span = attempt_span(attempt.id);
    Ok(v1::Assignment {
        attempt_id: attempt.id.to_string(),
        epoch: attempt.epoch.0,
        job_id: job.id.to_string(),
        spec: job.wire_spec()?.into(),
        inputs,
        checkpoint,
        image,
        gpu_uuid: attempt.gpu_uuid.clone(),
        upload_token: market.upload_token(job, attempt.id),
        timeout_seconds: u32::try_from(job.timeout.0 / 1000).unwrap_or(u32::MAX),
        traceparent: format!("00-{trace}-{span}-01"),
        max_output_bytes: config.max_output_bytes,
        max_log_bytes: MAX_LOG_BYTES,
        checkpoint_every: duration(market.ground.config.market.checkpoint_every).into(),
        ..Default::default()
    })
}

/// The reference of an image, its CUDA variant where there is a GPU and such a variant.
fn image(market: &Market, name: &str, gpu: bool) -> String {
    let images = &market.ground.config.market.images;
    let variant = gpu.then(|| images.get(&format!("{name}-cuda"))).flatten();
    variant.or_else(|| images.get(name)).cloned().unwrap_or_else(|| name.to_owned())
}
