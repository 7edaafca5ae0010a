use clap::Subcommand;
use cyxwiz_model::JobId;
use serde_json::Value;

use crate::db::DbId as _;
use crate::{Db, ServerError};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum JobVerb {
    /// Show everything that the database has of a job, its events aside
    Show {
        /// Its id
        id: JobId,
    },
}

pub(super) async fn run(verb: JobVerb, db: &Db) -> Result<Value, ServerError> {
    let JobVerb::Show { id } = verb;
    let found: Option<Value> = sqlx::query_scalar(
        "SELECT to_jsonb(j) - 'spec' || jsonb_build_object(
             'wallet', (SELECT wallet FROM accounts WHERE id = j.account_id),
             'attempts', (SELECT coalesce(jsonb_agg(to_jsonb(a) - 'finished' - 'exited' ORDER BY a.epoch), '[]')
                          FROM attempts a WHERE a.job_id = j.id),
             'payments', (SELECT coalesce(jsonb_agg(to_jsonb(o) - 'signed' ORDER BY o.id), '[]')
                          FROM outbox o WHERE o.job_id = j.id),
             'files', (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', f.kind, 'path', f.path, 'size', f.size,
                           'state', f.state) ORDER BY f.kind, f.path), '[]') FROM files f WHERE f.job_id = j.id))
         FROM jobs j WHERE j.id = $1",
    )
    .bind(id.uuid())
    .fetch_optional(db.pool())
    .await?;
    found.ok_or_else(|| ServerError::Said(format!("there is no job {id}")))
}
