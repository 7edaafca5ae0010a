use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use super::Market;
use crate::ServerError;
use crate::metrics::Metrics;

/// What `/metrics` shows of the market.
#[derive(Debug, Default)]
pub struct Figures {
    /// Nodes whose streams this server holds.
    pub streams: Gauge,
    /// Jobs that this server placed.
    pub placed: Counter,
    /// Attempts that ended because their nodes fell silent.
    pub lost: Counter,
    /// Rows that wait for the chain, of all servers.
    pub outbox: Gauge,
    /// Differences between meter and chain that were ever found, of all servers: anything but 0 wants a person.
    pub alarms: Gauge,
}

impl Figures {
    /// Shows them.
    #[must_use]
    pub fn register(metrics: &Metrics) -> Self {
        let figures = Self::default();
        metrics.register("streams", "Nodes whose streams this server holds", figures.streams.clone());
        metrics.register("placed", "Jobs that this server placed", figures.placed.clone());
        metrics.register("nodes_lost", "Attempts whose nodes fell silent", figures.lost.clone());
        metrics.register("outbox_open", "Payments that are not on the chain yet", figures.outbox.clone());
        metrics.register(
            "alarms",
            "Differences between meter and chain: look at once",
            figures.alarms.clone(),
        );
        figures
    }

    /// Reads what only the tables know.
    ///
    /// # Errors
    /// The database failed.
    pub async fn read(&self, market: &Market) -> Result<(), ServerError> {
        let (open, alarms): (i64, i64) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM outbox WHERE state IN ('waiting', 'sent')), (SELECT count(*) FROM alarms)",
        )
        .fetch_one(market.pool())
        .await?;
        self.outbox.set(open);
        self.alarms.set(alarms);
        self.streams.set(i64::try_from(market.streams.count()).unwrap_or(i64::MAX));
        Ok(())
    }
}
