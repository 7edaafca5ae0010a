//! A full queue refuses by name and says when to try again.

use vyr_sdk::{ErrorKind, SdkError};

use crate::support::{Node, Submit, ended_well, until_some};

#[tokio::test]
async fn one_task_too_many_is_refused_with_a_hint() {
    let node = Node::with(["--max-running", "1", "--max-queued", "2"]);
    let client = node.client();
    let (sleep, noop) = (node.put("sleep"), Submit::new(&node.put("noop")));
    let blocker = Submit::new(&sleep).send(&client).await;
    let waiting = [noop.send(&client).await, noop.send(&client).await];
    let refused = client.submit_task(noop.request()).await.unwrap_err();
    let SdkError::Refused { kind, reason, retry_after, mend, .. } = &refused else { panic!("{refused:?}") };
    assert_eq!((*kind, reason.as_str()), (ErrorKind::ResourceExhausted, "QUEUE_FULL"));
    assert!(retry_after.is_some_and(|wait| !wait.is_zero()) && !mend.is_empty(), "{refused:?}");

    // a refused submit with a key may be repeated under it
    let keyed = noop.clone().key("later");
    assert_eq!(client.submit_task(keyed.request()).await.unwrap_err().reason(), Some("QUEUE_FULL"));
    node.cli().args(["task", "cancel", &blocker]).ok();
    for task in waiting {
        ended_well(&client.wait(&task).await.unwrap());
    }
    let later = until_some("there is room again", || {
        let answer = node.curl().call("SubmitTask", &serde_json::to_value(keyed.request()).unwrap());
        (answer.status == 200).then(|| answer.json()["taskId"].as_str().unwrap().to_owned())
    });
    ended_well(&client.wait(&later).await.unwrap());
}

#[tokio::test]
async fn a_held_task_holds_a_place_and_gives_it_back() {
    use vyr_sdk::control::BindMode;
    let node = Node::with(["--max-queued", "1"]);
    let client = node.client();
    let kv = node.put_with_states("kv", &["s"]);
    let held = Submit::new(&kv).state("s", "", BindMode::Ro);
    let task = held.send(&client).await;
    assert_eq!(client.submit_task(held.request()).await.unwrap_err().reason(), Some("QUEUE_FULL"));
    node.cli().args(["task", "cancel", &task]).ok();
    held.send(&client).await;
}
