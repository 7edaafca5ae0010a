use std::path::Path;

use cyxwiz_model::{Reason, Span, Workload};
use cyxwiz_verify::{Ended, Outputs, Rerun, Verifier, differences};

use crate::ServerError;
use crate::files::FileKind;
use crate::jobs::Job;
use crate::market::Market;
use crate::refusal::chain_of;

/// Differences that a note names.
const NAMED: usize = 3;

/// What came of a second run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The same.
    Agrees,
    /// Something else.
    Differs(String),
    /// Nothing that could be compared.
    Unknown(String),
}

impl Found {
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Differs(_) => "differs",
            Self::Unknown(_) => "unknown",
        }
    }

    pub(super) fn note(&self) -> &str {
        match self {
            Self::Agrees => "",
            Self::Differs(why) | Self::Unknown(why) => why,
        }
    }
}

/// Runs a job again from its own inputs, and compares with what its node delivered.
pub(super) async fn run(market: &Market, verifier: &Verifier, job: &Job) -> Result<Found, ServerError> {
    let spec = job.parsed_spec()?;
    let (Workload::Wasm(wasm), Some(attempt)) = (&spec.workload, job.attempt) else {
        return Ok(Found::Unknown("it is no Wasm job".to_owned()));
    };
    let folder = tempfile::tempdir().map_err(ServerError::path(std::env::temp_dir()))?;
    let (inputs, scratch) = (folder.path().join("job"), folder.path().join("scratch"));
    fetch(market, job, &inputs).await?;
    tokio::fs::create_dir_all(&scratch).await.map_err(ServerError::path(&scratch))?;
    let rerun = Rerun {
        job: job.id,
        wasm,
        env: &spec.env,
        memory_bytes: spec.requirements.memory_mib.saturating_mul(1 << 20),
        took: job.books.metered.unwrap_or(Span::ZERO).duration(),
        inputs: &inputs,
        scratch: &scratch,
    };
    let seen = match verifier.run(rerun).await {
        Ok(seen) => seen,
        // the buyer's program or the platform, not the node: nobody is blamed
        Err(error) => return Ok(Found::Unknown(chain_of(&error))),
    };
    let mut delivered = Outputs::new();
    for file in market.ground.files.of_attempt(attempt, FileKind::Output, 0).await? {
        delivered.insert(file.path, file.sha256);
    }
    let succeeded = job.ending.as_ref().is_some_and(|ended| ended.reason == Reason::Succeeded);
    Ok(match seen.ended {
        Ended::Unknown(why) => Found::Unknown(why),
        Ended::Exit(0) if succeeded => compared(&delivered, &seen.outputs),
        other => Found::Differs(format!("it ends with {other:?}")),
    })
}

fn compared(delivered: &Outputs, seen: &Outputs) -> Found {
    let all = differences(delivered, seen);
    if all.is_empty() {
        return Found::Agrees;
    }
    let named: Vec<String> = all.iter().take(NAMED).map(ToString::to_string).collect();
    Found::Differs(named.join(", "))
}

async fn fetch(market: &Market, job: &Job, inputs: &Path) -> Result<(), ServerError> {
    let most = market.ground.config.market.max_input_bytes;
    for file in market.ground.files.of_job(job.id, FileKind::Input).await? {
        let path = inputs.join(file.path.as_str());
        let parent = path.parent().unwrap_or(inputs);
        tokio::fs::create_dir_all(parent).await.map_err(ServerError::path(parent))?;
        let content = market.ground.files.content(&file, most).await?;
        tokio::fs::write(&path, &content).await.map_err(ServerError::path(&path))?;
    }
    Ok(())
}
