//! An assignment, parsed once when it comes.

use std::time::Duration;

use cyxwiz_model::{AttemptId, CHECKPOINT_EVERY, FilePath, JobId, JobSpec, SpecError};
use cyxwiz_proto::v1;

use crate::files::Wanted;

/// How often checkpoints are uploaded at most.
const CHECKPOINT_EVERY_LEAST: Duration = Duration::from_secs(1);
/// What a log may have where the server says nothing.
const LOG_BYTES: u64 = 64 << 20;
/// What outputs may have where the server says nothing.
const OUTPUT_BYTES: u64 = 10 << 30;

/// Work for this node.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) attempt: AttemptId,
    pub(crate) epoch: u32,
    pub(crate) job: JobId,
    pub(crate) spec: JobSpec,
    pub(crate) inputs: Vec<Wanted>,
    pub(crate) checkpoint: Vec<Wanted>,
    pub(crate) image: String,
    pub(crate) gpu_uuid: Option<String>,
    pub(crate) upload_token: String,
    pub(crate) timeout: Duration,
    pub(crate) traceparent: String,
    pub(crate) max_output_bytes: u64,
    pub(crate) max_log_bytes: u64,
    pub(crate) checkpoint_every: Duration,
}

/// Why an assignment is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobError {
    #[error("the assignment has a bad id")]
    Id(#[from] vyr_model::IdParseError),
    #[error("the job cannot be run as it is: {0}")]
    Spec(#[from] SpecError),
    #[error("a file of the job has no size, digest or address")]
    Link,
    #[error("a file of the job has a bad name")]
    Path(#[from] cyxwiz_model::FilePathError),
    #[error("the assignment says no time to run")]
    Timeout,
}

impl TryFrom<v1::Assignment> for Job {
    type Error = JobError;

    fn try_from(wire: v1::Assignment) -> Result<Self, Self::Error> {
        let or = |value: u64, default: u64| if value == 0 { default } else { value };
        let every = wire.checkpoint_every.as_option().and_then(|every| u64::try_from(every.seconds).ok());
        if wire.timeout_seconds == 0 {
            return Err(JobError::Timeout);
        }
        Ok(Self {
            attempt: wire.attempt_id.parse()?,
            epoch: wire.epoch,
            job: wire.job_id.parse()?,
            spec: wire.spec.into_option().ok_or(SpecError::NoWorkload)?.try_into()?,
            inputs: wire.inputs.into_iter().map(wanted).collect::<Result<_, _>>()?,
            checkpoint: wire.checkpoint.into_iter().map(wanted).collect::<Result<_, _>>()?,
            image: wire.image,
            gpu_uuid: Some(wire.gpu_uuid).filter(|uuid| !uuid.is_empty()),
            upload_token: wire.upload_token,
            timeout: Duration::from_secs(wire.timeout_seconds.into()),
            traceparent: wire.traceparent,
            max_output_bytes: or(wire.max_output_bytes, OUTPUT_BYTES),
            max_log_bytes: or(wire.max_log_bytes, LOG_BYTES),
            checkpoint_every: every
                .filter(|seconds| *seconds > 0)
                .map_or(CHECKPOINT_EVERY.duration(), Duration::from_secs)
                .max(CHECKPOINT_EVERY_LEAST),
        })
    }
}

fn wanted(link: v1::FileLink) -> Result<Wanted, JobError> {
    let file = link.file.into_option().ok_or(JobError::Link)?;
    let path: FilePath = file.path.parse()?;
    let sha256 = file.sha256.as_slice().try_into().map_err(|_| JobError::Link)?;
    if link.url.is_empty() {
        return Err(JobError::Link);
    }
    Ok(Wanted { path, size: file.size, sha256, url: link.url })
}
