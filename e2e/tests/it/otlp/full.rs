//! The long outage.

use std::time::Duration;

#[tokio::test]
async fn three_minutes_without_a_collector_cost_no_memory() {
    super::outage::long_outage(Duration::from_secs(180)).await;
}
