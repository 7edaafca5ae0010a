//! The files that a job's buyer declares.

use cyxwiz_model::{FilePath, JobId, JobSpec, MAX_FILES, Workload};
use cyxwiz_proto::v1;
use sqlx::PgConnection;

use crate::db::{DbId as _, signed, unsigned};
use crate::market::{Market, bytes32};
use crate::{Refusal, ServerError};

/// A file that its buyer declared.
pub(super) struct Input {
    pub(super) path: FilePath,
    pub(super) size: i64,
    pub(super) sha256: [u8; 32],
}

/// The files of a job that are not there yet.
pub(super) async fn missing(market: &Market, job: JobId) -> Result<Vec<v1::FileInfo>, ServerError> {
    let rows: Vec<(String, i64, Vec<u8>)> = sqlx::query_as(
        "SELECT i.path, i.size, i.sha256 FROM job_inputs i
         LEFT JOIN files f ON f.job_id = i.job_id AND f.kind = 'input' AND f.path = i.path AND f.state = 'whole'
            AND f.sha256 = i.sha256 AND f.size = i.size
         WHERE i.job_id = $1 AND f.id IS NULL ORDER BY i.path",
    )
    .bind(job.uuid())
    .fetch_all(market.pool())
    .await?;
    let info = |(path, size, sha256)| Ok(crate::market::file_info(path, unsigned("a size", size)?, sha256));
    rows.into_iter().map(info).collect()
}

/// Reads what a buyer declares.
pub(super) fn inputs(
    market: &Market,
    spec: &JobSpec,
    files: Vec<v1::FileInfo>,
) -> Result<Vec<Input>, Refusal> {
    if files.len() > MAX_FILES {
        return Err(Refusal::field(
            "files",
            format!("{} files, at most {MAX_FILES} may be uploaded", files.len()),
        ));
    }
    let most = market.ground.config.market.max_input_bytes;
    let bytes = files.iter().fold(0_u64, |sum, file| sum.saturating_add(file.size));
    if bytes > most {
        return Err(Refusal::field("files", format!("{bytes} bytes in all, at most {most} may be uploaded"))
            .mend("name larger data by data_urls"));
    }
    let input = |file: v1::FileInfo| {
        let path: FilePath = file.path.parse().map_err(|error| Refusal::field("files.path", error))?;
        let sha256 = bytes32("files.sha256", &file.sha256)?;
        Ok(Input { path, size: signed("a size", file.size)?, sha256 })
    };
    let mut inputs = files.into_iter().map(input).collect::<Result<Vec<_>, Refusal>>()?;
    inputs.sort_by(|a, b| a.path.cmp(&b.path));
    if let Some(twice) = inputs.windows(2).find(|pair| matches!(pair, [a, b] if a.path == b.path)) {
        let path = twice.first().map(|input| input.path.to_string()).unwrap_or_default();
        return Err(Refusal::field("files.path", format!("`{path}` is named twice")));
    }
    let program = match &spec.workload {
        Workload::Script(script) => &script.entry,
        Workload::Wasm(wasm) => &wasm.artifact,
    };
    if !inputs.iter().any(|input| input.path == *program) {
        return Err(Refusal::field("files", format!("`{program}`, which is to run, is not among them")));
    }
    Ok(inputs)
}

/// Writes it down.
pub(super) async fn insert_inputs(
    conn: &mut PgConnection,
    job: JobId,
    inputs: &[Input],
) -> Result<(), ServerError> {
    let paths: Vec<&str> = inputs.iter().map(|input| input.path.as_str()).collect();
    let sizes: Vec<i64> = inputs.iter().map(|input| input.size).collect();
    let digests: Vec<Vec<u8>> = inputs.iter().map(|input| input.sha256.to_vec()).collect();
    sqlx::query(
        "INSERT INTO job_inputs (job_id, path, size, sha256)
         SELECT $1, listed.* FROM unnest($2::text[], $3::bigint[], $4::bytea[]) AS listed",
    )
    .bind(job.uuid())
    .bind(paths)
    .bind(sizes)
    .bind(digests)
    .execute(conn)
    .await?;
    Ok(())
}
