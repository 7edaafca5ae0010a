use connectrpc::{RequestContext, Response, ServiceRequest, ServiceResult};
use cyxwiz_model::{Coin, JobId, JobState, Moment};
use cyxwiz_proto::v1;
use cyxwiz_proto::v1::{
    GetPlatformRequest, GetPlatformResponse, ListPaymentsRequest, ListPaymentsResponse, PaymentService,
};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row as _};
use uuid::Uuid;

use super::platform::platform;
use crate::db::DbId as _;
use crate::jobs::{page_size, word};
use crate::market::{Market, timestamp};
use crate::{Buyer, Caller, Refusal};

/// `cyxwiz.v1.PaymentService`
#[derive(Clone, Debug)]
pub struct Payments(pub Market);

#[expect(refining_impl_trait, reason = "the service is internal: nobody implements or names these types")]
impl PaymentService for Payments {
    async fn get_platform(
        &self,
        _context: RequestContext,
        _request: ServiceRequest<'_, GetPlatformRequest>,
    ) -> ServiceResult<GetPlatformResponse> {
        Response::ok(platform(&self.0).await?)
    }

    async fn list_payments(
        &self,
        context: RequestContext,
        request: ServiceRequest<'_, ListPaymentsRequest>,
    ) -> ServiceResult<ListPaymentsResponse> {
        let buyer = Caller::of(&context).buyer()?;
        Response::ok(list(&self.0, &buyer, request.to_owned_message()).await?)
    }
}

/// A payment, and where it stands in the list.
struct Listed {
    at: i64,
    job: Uuid,
    number: i64,
    payment: v1::Payment,
}

impl FromRow<'_, PgRow> for Listed {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let (at, job, number) = (row.try_get("at")?, row.try_get("job_id")?, row.try_get("number")?);
        let kind: String = row.try_get("kind")?;
        let coin: Coin = word(row, "coin")?;
        let state: JobState = word(row, "job_state")?;
        let units = |column: &str| {
            row.try_get::<Option<i64>, _>(column)
                .map(|units| units.and_then(|units| u64::try_from(units).ok()).unwrap_or(0))
        };
        let mut cost = v1::Cost { coin: v1::Coin::from(coin).into(), ..Default::default() };
        match kind.as_str() {
            "open" => cost.deposit = units("deposit")?,
            "top_up" => cost.deposit = units("amount")?,
            "settle" | "refund" => {
                cost.deposit = units("deposit")?;
                cost.charged = units("charged")?;
                cost.metered_ms = units("metered_ms")?;
                if matches!(state, JobState::Completed | JobState::Refunded) {
                    cost.node = units("paid_node")?;
                    cost.platform = units("paid_platform")?;
                    cost.refund = units("refunded")?;
                }
            }
            _ => {}
        }
        let payment = v1::Payment {
            job_id: JobId::from_uuid(job).to_string(),
            kind,
            signature: row.try_get("signature")?,
            state: row.try_get("state")?,
            at: timestamp(Moment(at)).into(),
            cost: cost.into(),
            ..Default::default()
        };
        Ok(Self { at, job, number, payment })
    }
}

async fn list(
    market: &Market,
    buyer: &Buyer,
    request: ListPaymentsRequest,
) -> Result<ListPaymentsResponse, Refusal> {
    let size = page_size(request.page_size)?;
    let (at, job, number) = match request.page_token.as_str() {
        "" => (i64::MAX, Uuid::max(), i64::MAX),
        token => place_of(token).ok_or_else(|| Refusal::field("page_token", "no token of this list"))?,
    };
    let mut rows: Vec<Listed> = sqlx::query_as(
        "SELECT * FROM (
            SELECT j.created_at AS at, j.id AS job_id, 0::bigint AS number, 'open' AS kind,
                j.open_signature AS signature, 'landed' AS state, 0::bigint AS amount, j.state AS job_state, j.coin,
                j.deposit, j.charged, j.metered_ms, j.paid_node, j.paid_platform, j.refunded
            FROM jobs j WHERE j.account_id = $1 AND j.open_signature IS NOT NULL
            UNION ALL
            SELECT coalesce(o.done_at, o.sent_at, o.created_at), o.job_id, o.id, o.kind, o.signature,
                CASE o.state WHEN 'landed' THEN 'landed' WHEN 'moot' THEN 'failed' ELSE 'sent' END, o.amount,
                j.state, j.coin, j.deposit, j.charged, j.metered_ms, j.paid_node, j.paid_platform, j.refunded
            FROM outbox o JOIN jobs j ON j.id = o.job_id WHERE j.account_id = $1 AND o.signature IS NOT NULL
         ) AS listed WHERE (at, job_id, number) < ($2, $3, $4) ORDER BY at DESC, job_id DESC, number DESC LIMIT $5",
    )
    .bind(buyer.account.uuid())
    .bind(at)
    .bind(job)
    .bind(number)
    .bind(size + 1)
    .fetch_all(market.pool())
    .await?;
    let more = i64::try_from(rows.len()).unwrap_or(i64::MAX) > size;
    rows.truncate(usize::try_from(size).unwrap_or(0));
    let next_page_token = match rows.last() {
        Some(last) if more => format!("{}.{}.{}", last.at, last.job.simple(), last.number),
        _ => String::new(),
    };
    let payments = rows.into_iter().map(|row| row.payment).collect();
    Ok(ListPaymentsResponse { payments, next_page_token, ..Default::default() })
}

fn place_of(token: &str) -> Option<(i64, Uuid, i64)> {
    let mut parts = token.splitn(3, '.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
