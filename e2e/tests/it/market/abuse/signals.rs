use super::ring::Ring;

#[test]
fn refusing_sigterm_ends_with_the_grace_and_is_paid_for() {
    let mut ring = Ring::open();
    let job = ring.submit("refuses", attack!("refuses_sigterm"), &[], &[]);
    let mut watch = ring.buyer.watch(&job, &ring.platform.folder("logs").join("watch.log"));
    watch.said("ready");
    ring.buyer.ok(&["cancel", &job]);
    // the signal came, and it ran on
    watch.said("no");
    let told = ring.ends(&job);
    assert!(told.completed("cancelled").contains("ready\nno\n"), "{told:?}");
    ring.ends_well();
}
