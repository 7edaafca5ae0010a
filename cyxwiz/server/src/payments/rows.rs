use cyxwiz_chain::Signed;
use cyxwiz_chain::escrow::Address;
use cyxwiz_model::{Amount, Epoch, JobId, Moment};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, Row as _};
use uuid::Uuid;

use crate::ServerError;
use crate::db::{DbId as _, notify};
use crate::jobs::{count, small};
use crate::market::{Market, OUTBOX};

/// What a row sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Names the payee.
    Assign,
    /// Sets more aside.
    TopUp,
    /// Pays.
    Settle,
    /// Gives back.
    Refund,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Assign => "assign",
            Self::TopUp => "top_up",
            Self::Settle => "settle",
            Self::Refund => "refund",
        }
    }
}

/// A row that this server has the lease of.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its number.
    pub id: i64,
    /// Its job.
    pub job: JobId,
    /// What it sends.
    pub kind: Kind,
    /// The assignment that it is about.
    pub epoch: Epoch,
    /// Who is named.
    pub payee: Option<Address>,
    /// How much more is set aside, or what is charged.
    pub amount: Amount,
    /// What is set aside afterwards.
    pub deposit_then: Amount,
    /// What may have gone out.
    pub signed: Option<Signed>,
    /// How often it was taken.
    pub tries: u32,
}

impl FromRow<'_, PgRow> for Row {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let decode = |what: &str| sqlx::Error::Decode(what.to_owned().into());
        let kind = match row.try_get::<&str, _>("kind")? {
            "assign" => Kind::Assign,
            "top_up" => Kind::TopUp,
            "settle" => Kind::Settle,
            "refund" => Kind::Refund,
            other => return Err(decode(other)),
        };
        let payee: Option<Vec<u8>> = row.try_get("payee")?;
        let payee = match payee {
            None => None,
            Some(bytes) => {
                Some(Address::new_from_array(bytes.try_into().map_err(|_| decode("a payee has 32 bytes"))?))
            }
        };
        let signed: Option<sqlx::types::Json<Signed>> = row.try_get("signed")?;
        Ok(Self {
            id: row.try_get("id")?,
            job: JobId::from_uuid(row.try_get::<Uuid, _>("job_id")?),
            kind,
            epoch: Epoch(small(row, "epoch")?),
            payee,
            amount: Amount(count(row, "amount")?),
            deposit_then: Amount(count(row, "deposit_then")?),
            signed: signed.map(|json| json.0),
            tries: small(row, "tries")?,
        })
    }
}

/// Leases last so long, by the database's clock, and are renewed while a server works on a row.
pub(super) const LEASE_MS: i64 = 30_000;
/// The database's clock in milliseconds. Leases are between servers: their own clocks may differ.
macro_rules! db_now {
    () => {
        "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    };
}
pub(super) use db_now;

/// Takes rows that nobody works on, the first of each job.
pub(super) async fn take(market: &Market, most: usize) -> Result<Vec<Row>, ServerError> {
    let rows = sqlx::query_as(concat!(
        "UPDATE outbox SET lease_by = $1, lease_until = ",
        db_now!(),
        " + $2, tries = tries + 1 WHERE id IN (
            SELECT o.id FROM outbox o WHERE o.state IN ('waiting', 'sent') AND o.lease_until < ",
        db_now!(),
        " AND o.not_before <= ",
        db_now!(),
        " AND NOT EXISTS (SELECT 1 FROM outbox p WHERE p.job_id = o.job_id AND p.id < o.id
                AND p.state IN ('waiting', 'sent'))
            ORDER BY o.id LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING *",
    ))
    .bind(market.server)
    .bind(LEASE_MS)
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .fetch_all(market.pool())
    .await?;
    Ok(rows)
}

/// Renews a lease; says whether it was still this server's.
pub(super) async fn renew(market: &Market, row: i64) -> Result<bool, ServerError> {
    let done = sqlx::query(concat!(
        "UPDATE outbox SET lease_until = ",
        db_now!(),
        " + $3 WHERE id = $1 AND lease_by = $2 AND state IN ('waiting', 'sent')",
    ))
    .bind(row)
    .bind(market.server)
    .bind(LEASE_MS)
    .execute(market.pool())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Records the bytes that go out next; says whether the lease was still this server's: else they must not.
pub(super) async fn record(
    market: &Market,
    row: &Row,
    bytes: &Signed,
    now: Moment,
) -> Result<bool, ServerError> {
    let mut tx = market.begin().await?;
    let done = sqlx::query(
        "UPDATE outbox SET state = 'sent', signed = $3, signature = $4, sent_at = $5
         WHERE id = $1 AND lease_by = $2 AND state = 'waiting'",
    )
    .bind(row.id)
    .bind(market.server)
    .bind(sqlx::types::Json(bytes))
    .bind(bytes.signature().to_string())
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "INSERT INTO outbox_signed (outbox_id, signature, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    )
    .bind(row.id)
    .bind(bytes.signature().to_string())
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected() == 1)
}

/// Those bytes can never land any more: the row may be signed anew.
pub(super) async fn unsign(market: &Market, row: i64) -> Result<bool, ServerError> {
    let done = sqlx::query(
        "UPDATE outbox SET state = 'waiting', signed = NULL, signature = NULL
         WHERE id = $1 AND lease_by = $2 AND state = 'sent'",
    )
    .bind(row)
    .bind(market.server)
    .execute(market.pool())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives a row back, to be taken again after a pause.
pub(super) async fn give_back(
    market: &Market,
    row: i64,
    pause_ms: i64,
    error: &str,
) -> Result<(), ServerError> {
    sqlx::query(concat!(
        "UPDATE outbox SET lease_until = 0, lease_by = NULL, error = $4, not_before = ",
        db_now!(),
        " + $3 WHERE id = $1 AND lease_by = $2",
    ))
    .bind(row)
    .bind(market.server)
    .bind(pause_ms)
    .bind(error)
    .execute(market.pool())
    .await?;
    Ok(())
}

/// Ends a row whose job the caller holds; says whether it was still open.
pub(super) async fn end(
    conn: &mut PgConnection,
    row: i64,
    state: &str,
    signature: &str,
    now: Moment,
) -> Result<bool, ServerError> {
    let done = sqlx::query(
        "UPDATE outbox SET state = $2, signature = coalesce(nullif($3, ''), signature), done_at = $4, error = ''
         WHERE id = $1 AND state IN ('waiting', 'sent')",
    )
    .bind(row)
    .bind(state)
    .bind(signature)
    .bind(now.0)
    .execute(&mut *conn)
    .await?;
    // the next row of the job can go
    notify(conn, OUTBOX, "").await?;
    Ok(done.rows_affected() == 1)
}
