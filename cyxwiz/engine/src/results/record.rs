//! What is worth keeping beside the outputs: what the script said, its metrics, the job itself.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use cyxwiz_model::JobState;
use cyxwiz_proto::state_of;
use cyxwiz_proto::v1::__buffa::oneof::watch_job_response::Event;
use cyxwiz_proto::v1::LogStream;
use serde_json::json;

use super::fetch::{Output, failed};
use crate::error::CliError;
use crate::server::Buyer;
use crate::{shown, watch};

const FOLDER: &str = "_cyxwiz";

/// Writes logs, metrics and job below the outputs, once the job has ended; never over an output. Says where.
pub(super) async fn write(
    buyer: &Buyer,
    job: &str,
    dir: &Path,
    outputs: &[Output],
) -> Result<Option<PathBuf>, CliError> {
    let about = buyer.job(job.to_owned()).await?;
    let over = outputs.iter().any(|file| file.path.parts().next() == Some(FOLDER));
    if over || !state_of(about.state).is_some_and(JobState::is_terminal) {
        return Ok(None);
    }
    let dir = dir.join(FOLDER);
    fs::create_dir_all(&dir).map_err(|source| failed(&dir, source))?;
    let mut files = BTreeMap::new();
    for name in ["stdout.log", "stderr.log", "node.log", "metrics.jsonl"] {
        files.insert(name, tempfile::NamedTempFile::new_in(&dir).map_err(|source| failed(&dir, source))?);
    }
    watch::replay(buyer, job, &mut |event| {
        let (name, bytes) = match &event.event {
            Some(Event::Log(log)) => {
                let name = match log.stream.as_known() {
                    Some(LogStream::LOG_STREAM_STDOUT) => "stdout.log",
                    Some(LogStream::LOG_STREAM_STDERR) => "stderr.log",
                    _ => "node.log",
                };
                (name, log.data.clone())
            }
            Some(Event::Progress(progress)) => {
                let mut line = json!(progress.values.iter().collect::<BTreeMap<_, _>>());
                if let Some(line) = line.as_object_mut() {
                    line.extend(progress.step.map(|step| ("step".to_owned(), json!(step))));
                    line.extend(progress.total.map(|total| ("total".to_owned(), json!(total))));
                }
                ("metrics.jsonl", format!("{line}\n").into_bytes())
            }
            _ => return Ok(()),
        };
        match files.get_mut(name) {
            Some(file) => file.write_all(&bytes).map_err(|source| failed(&dir.join(name), source)),
            None => Ok(()),
        }
    })
    .await?;
    for (name, file) in files {
        let place = dir.join(name);
        file.persist(&place).map_err(|error| failed(&place, error.error))?;
    }
    let place = dir.join("job.json");
    let text = serde_json::to_vec_pretty(&shown::job(&about)).map_err(std::io::Error::from)?;
    fs::write(&place, text).map_err(|source| failed(&place, source))?;
    Ok(Some(dir))
}

/// Results that lie in a job's own folder are not the next submit's inputs.
pub(super) fn leave_out(results: &Path) -> Result<(), CliError> {
    let path = results.join(".cyxwizignore");
    if path.exists() {
        return Ok(());
    }
    let write = || {
        fs::create_dir_all(results)?;
        fs::write(&path, "job_*\n")
    };
    write().map_err(|source| failed(&path, source))
}
