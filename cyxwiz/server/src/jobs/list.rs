use cyxwiz_model::{AccountId, JobId, JobState};
use cyxwiz_proto::{state_of, v1};

use super::row::Job;
use super::view;
use crate::db::DbId as _;
use crate::market::Market;
use crate::{Buyer, Refusal};

/// Entries of a page, unless the caller says otherwise.
const USUAL: u32 = 50;
/// Entries of a page at most.
const MOST: u32 = 200;

/// The size of a page.
pub(crate) fn page_size(asked: u32) -> Result<i64, Refusal> {
    match asked {
        0 => Ok(USUAL.into()),
        1..=MOST => Ok(asked.into()),
        _ => Err(Refusal::field("page_size", format!("{asked}, at most {MOST}"))),
    }
}

pub(super) async fn list(
    market: &Market,
    buyer: &Buyer,
    request: v1::ListJobsRequest,
) -> Result<v1::ListJobsResponse, Refusal> {
    let size = page_size(request.page_size)?;
    let state =
        |wire| state_of(wire).ok_or_else(|| Refusal::field("states", "one of them is no state of a job"));
    let states = request.states.into_iter().map(state).collect::<Result<Vec<JobState>, _>>()?;
    // ids are ordered by time: the last one of a page says where the next begins
    let before: Option<JobId> = match request.page_token.as_str() {
        "" => None,
        token => Some(token.parse().map_err(|_| Refusal::field("page_token", "no token of this list"))?),
    };
    let mut jobs = read(market, buyer.account, &states, before, size + 1).await?;
    let more = i64::try_from(jobs.len()).unwrap_or(i64::MAX) > size;
    jobs.truncate(usize::try_from(size).unwrap_or(0));
    let next_page_token = match jobs.last() {
        Some(last) if more => last.id.to_string(),
        _ => String::new(),
    };
    let jobs = view::many(market, jobs).await?;
    Ok(v1::ListJobsResponse { jobs, next_page_token, ..Default::default() })
}

async fn read(
    market: &Market,
    account: AccountId,
    states: &[JobState],
    before: Option<JobId>,
    limit: i64,
) -> Result<Vec<Job>, Refusal> {
    let words: Vec<&str> = states.iter().map(|state| state.word()).collect();
    let rows = sqlx::query_as(
        "SELECT * FROM jobs WHERE account_id = $1 AND (cardinality($2::text[]) = 0 OR state = ANY($2))
            AND ($3::uuid IS NULL OR id < $3) ORDER BY id DESC LIMIT $4",
    )
    .bind(account.uuid())
    .bind(words)
    .bind(before.map(|job| job.uuid()))
    .bind(limit)
    .fetch_all(market.pool())
    .await?;
    Ok(rows)
}
