//! What takes longer than a test should by default.

use std::sync::Arc;

use crate::{
    rate::all_succeed,
    support::{Host, Job},
};

#[tokio::test]
async fn two_hundred_runs_of_many_images_all_succeed() {
    all_succeed(200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_at_once_do_not_disturb_one_another() {
    let host = Arc::new(Host::new());
    let image =
        host.script("cat; cat /tmp/* 2>/dev/null; cat > /tmp/x < /etc/hostname 2>/dev/null; true").await;
    let mut lanes = Vec::new();
    for lane in 0..16 {
        let (host, image) = (Arc::clone(&host), Arc::clone(&image));
        lanes.push(tokio::spawn(async move {
            for round in 0..8 {
                let text = format!("{lane}-{round}\n");
                assert_eq!(host.run(&image, Job::stdin(text.clone())).await.succeeded(), text);
            }
        }));
    }
    for lane in lanes {
        lane.await.expect("lane");
    }
    host.assert_clean();
}
