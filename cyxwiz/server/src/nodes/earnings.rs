use cyxwiz_model::{AttemptId, JobState, NodeId};
use cyxwiz_proto::v1;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use uuid::Uuid;

use crate::Refusal;
use crate::db::DbId as _;
use crate::jobs::{count, page_size, word};
use crate::market::{Market, timestamp};

/// What one attempt brought.
struct Brought(v1::Earning);

impl FromRow<'_, PgRow> for Brought {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let state: JobState = word(row, "state")?;
        let own: i32 = row.try_get("epoch")?;
        let newest: i32 = row.try_get("job_epoch")?;
        let paid = state == JobState::Completed && own == newest;
        let coming = matches!(state, JobState::Verifying | JobState::Settling) && own == newest;
        let reason: Option<String> = row.try_get("ending_reason")?;
        let ended: Option<i64> = row.try_get("meter_ended_at")?;
        let said = if paid {
            "settled".to_owned()
        } else if coming || ended.is_none() {
            "pending".to_owned()
        } else {
            format!("not paid: {}", reason.unwrap_or_else(|| "refunded".to_owned()))
        };
        let part: Option<i64> = row.try_get("paid_node")?;
        let signature: Option<String> = row.try_get("close_signature")?;
        Ok(Self(v1::Earning {
            job_id: cyxwiz_model::JobId::from_uuid(row.try_get("job_id")?).to_string(),
            attempt_id: AttemptId::from_uuid(row.try_get("id")?).to_string(),
            ended_at: ended.map(|at| timestamp(cyxwiz_model::Moment(at))).into(),
            metered_ms: count(row, "counted_ms")?,
            coin: row.try_get("coin")?,
            base_units: part.filter(|_| paid).and_then(|part| u64::try_from(part).ok()).unwrap_or(0),
            state: said,
            signature: signature.filter(|_| paid).unwrap_or_default(),
            ..Default::default()
        }))
    }
}

pub(super) async fn earnings(
    market: &Market,
    node: NodeId,
    request: v1::ListEarningsRequest,
) -> Result<v1::ListEarningsResponse, Refusal> {
    let size = page_size(request.page_size)?;
    let before: Option<AttemptId> = match request.page_token.as_str() {
        "" => None,
        token => Some(token.parse().map_err(|_| Refusal::field("page_token", "no token of this list"))?),
    };
    let mut rows: Vec<Brought> = sqlx::query_as(
        "SELECT a.id, a.job_id, a.epoch,
            coalesce(CASE WHEN a.epoch = j.epoch THEN j.ending_reason END, a.ending_reason) AS ending_reason,
            m.counted_ms, m.ended_at AS meter_ended_at, j.coin,
            j.state, j.epoch AS job_epoch, j.paid_node, j.close_signature
         FROM attempts a JOIN meters m ON m.attempt_id = a.id JOIN jobs j ON j.id = a.job_id
         WHERE a.node_id = $1 AND ($2::uuid IS NULL OR a.id < $2) ORDER BY a.id DESC LIMIT $3",
    )
    .bind(node.uuid())
    .bind(before.map(|attempt| -> Uuid { attempt.uuid() }))
    .bind(size + 1)
    .fetch_all(market.pool())
    .await?;
    let more = i64::try_from(rows.len()).unwrap_or(i64::MAX) > size;
    rows.truncate(usize::try_from(size).unwrap_or(0));
    let earnings: Vec<v1::Earning> = rows.into_iter().map(|row| row.0).collect();
    let next_page_token = match earnings.last() {
        Some(last) if more => last.attempt_id.clone(),
        _ => String::new(),
    };
    Ok(v1::ListEarningsResponse { earnings, next_page_token, ..Default::default() })
}
