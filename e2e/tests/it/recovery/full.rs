//! The long storm.

#[tokio::test]
async fn a_thousand_kills_lose_and_repeat_nothing() {
    super::storm::storm(1000, super::storm::Mix::All).await;
}
