use std::sync::Arc;

use vyr_proto::control::{TaskState, TraceFilter};
use vyr_telemetry::{Filter, FilterError, Hub, HubFull, HubOptions, TaskEvent, TaskKey};

use crate::support::{ARTIFACT, EPOCH_SECONDS, status, task, whole_trace};

fn event(number: u64, state: TaskState) -> TaskEvent {
    let status = status(task(number), state, EPOCH_SECONDS);
    TaskEvent { key: TaskKey::of(&status).unwrap(), status, ended: None }
}

#[tokio::test]
async fn delivers_in_order_to_those_whose_filter_passes() {
    let hub = Hub::default();
    let mut all = hub.subscribe(Filter::default()).unwrap();
    let mut one = hub.subscribe(Filter::task(task(2))).unwrap();
    let failed = Filter::default().with_state(TaskState::TASK_STATE_FAILED);
    let mut failed = hub.subscribe(failed).unwrap();
    for number in 0..5 {
        hub.publish(event(number, TaskState::TASK_STATE_RUNNING));
    }
    let mut last = event(2, TaskState::TASK_STATE_FAILED);
    last.ended = Some(Arc::new(whole_trace(task(2))));
    hub.publish(last);

    let received = all.receive(4).await.unwrap();
    assert_eq!(
        received.events.iter().map(|event| event.key.task).collect::<Vec<_>>(),
        [0, 1, 2, 3].map(task)
    );
    assert_eq!(all.receive(100).await.unwrap().events.len(), 2);
    let received = one.receive(100).await.unwrap();
    let states: Vec<_> = received.events.iter().map(|event| event.key.state).collect();
    assert_eq!(states, [TaskState::TASK_STATE_RUNNING, TaskState::TASK_STATE_FAILED]);
    assert_eq!(received.dropped, 0);
    assert_eq!(failed.receive(100).await.unwrap().events.len(), 1);
    assert!(failed.receive_now(1).is_none());
}

#[tokio::test]
async fn a_slow_reader_loses_the_oldest_and_is_told_how_many() {
    let hub = Hub::new(HubOptions { queue: 10, ..HubOptions::default() });
    let mut slow = hub.subscribe(Filter::default()).unwrap();
    for number in 0..25 {
        hub.publish(event(number, TaskState::TASK_STATE_QUEUED));
    }
    let received = slow.receive(100).await.unwrap();
    assert_eq!((received.events.len(), received.dropped), (10, 15));
    assert_eq!(received.events[9].key.task, task(24), "the newest is there");
    hub.publish(event(30, TaskState::TASK_STATE_QUEUED));
    assert_eq!(slow.receive(100).await.unwrap().dropped, 0, "each loss is told once");
}

#[tokio::test]
async fn thousands_wait_for_one_task_each() {
    let hub = Hub::default();
    assert!(hub.is_idle());
    let mut waiting: Vec<_> = (0..5_000).map(|n| hub.subscribe(Filter::task(task(n))).unwrap()).collect();
    assert!(hub.is_watched(task(4_999)) && !hub.is_watched(task(5_000)));
    hub.publish_with(task(5_000), || panic!("nobody watches this one"));
    for number in 0..5_000 {
        hub.publish(event(number, TaskState::TASK_STATE_SUCCEEDED));
    }
    for (number, subscription) in waiting.iter_mut().enumerate() {
        let received = subscription.receive(10).await.unwrap();
        assert_eq!(received.events.len(), 1);
        assert_eq!(received.events[0].key.task, task(number as u64));
    }
    drop(waiting);
    assert!(hub.is_idle());
    assert!(!hub.is_watched(task(1)));
}

#[tokio::test]
async fn is_bounded_and_closes() {
    let hub = Hub::new(HubOptions { subscriptions: 2, ..HubOptions::default() });
    let mut first = hub.subscribe(Filter::default()).unwrap();
    let second = hub.subscribe(Filter::task(task(1))).unwrap();
    assert_eq!(hub.subscribe(Filter::default()).unwrap_err(), HubFull(2));
    drop(second);
    let mut waiting = hub.subscribe(Filter::task(task(1))).unwrap();
    let waits = tokio::spawn(async move { waiting.receive(1).await.is_none() });
    hub.publish(event(9, TaskState::TASK_STATE_QUEUED));
    hub.close();
    assert!(first.receive(10).await.is_some(), "what came before the end is delivered");
    assert!(first.receive(10).await.is_none());
    assert!(waits.await.unwrap());
    assert!(hub.subscribe(Filter::default()).unwrap().receive(1).await.is_none());
}

#[test]
fn a_filter_is_parsed_once_and_refuses_what_cannot_be() {
    let wire = |task_ids: Vec<String>, digest: &str, states: Vec<i32>| TraceFilter {
        task_ids,
        artifact_digest: digest.into(),
        states: states.into_iter().map(Into::into).collect(),
        ..Default::default()
    };
    let filter = Filter::try_from(&wire(vec![task(1).to_string()], ARTIFACT, vec![4])).unwrap();
    let key = event(1, TaskState::TASK_STATE_SUCCEEDED).key;
    assert!(filter.matches(&key));
    assert!(!filter.matches(&TaskKey { state: TaskState::TASK_STATE_LOST, ..key }));
    assert!(!filter.matches(&TaskKey { task: task(2), ..key }));
    let refused = |filter: TraceFilter| Filter::try_from(&filter).unwrap_err();
    assert!(matches!(refused(wire(vec!["tsk_1".into()], "", vec![])), FilterError::Task(_)));
    assert!(matches!(refused(wire(vec![], "sha256:12", vec![])), FilterError::Artifact(_)));
    assert_eq!(refused(wire(vec![], "", vec![0])), FilterError::State(0));
    assert_eq!(refused(wire(vec![], "", vec![99])), FilterError::State(99));
    assert_eq!(refused(wire(vec![String::new(); 1_025], "", vec![])), FilterError::TooManyTasks(1_025));
}
