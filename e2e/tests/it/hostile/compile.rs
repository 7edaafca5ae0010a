//! A function that takes minutes to compile: it meets the deadline, and nobody waits for it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use vyr_sdk::control::{FailureKind, TaskState};

use super::{modules::long_function, neighbours::neighbour};
use crate::support::{Node, Submit, ended_well, shown};

#[tokio::test]
async fn a_function_that_compiles_for_minutes_fails_alone() {
    let mut node = Node::with(["--compile-deadline", "3s"]);
    let client = node.client();
    let small = wat::parse_str(r#"(module (memory (export "memory") 1) (func (export "_start")))"#).unwrap();
    let noop = Submit::new(&node.put_wasm("small", &small));
    ended_well(&noop.run(&client).await);
    let stop = Arc::new(AtomicBool::new(false));
    let neighbours: Vec<_> =
        (0..2).map(|_| tokio::spawn(neighbour(node.client(), noop.clone(), Arc::clone(&stop)))).collect();

    let long = Submit::new(&node.put_wasm("long", &long_function(6 << 20)));
    let status = long.run(&client).await;
    let got = (status.state.as_known(), status.failure.as_known());
    assert_eq!(got, (Some(TaskState::Failed), Some(FailureKind::Link)), "{}", shown(&status));
    assert!(status.message.contains("longer than 3 s"), "the message names the deadline: {}", status.message);
    assert!(!status.start_time.is_set(), "it never ran");
    node.span(&status.task_id, "vyr.compile");

    stop.store(true, SeqCst);
    for neighbour in neighbours {
        assert!(neighbour.await.unwrap() > 0);
    }
    // what was never seen before is compiled as ever
    let other = wat::parse_str(r#"(module (memory (export "memory") 2) (func (export "_start")))"#).unwrap();
    ended_well(&Submit::new(&node.put_wasm("other", &other)).run(&client).await);
    assert!(node.is_alive());
}
