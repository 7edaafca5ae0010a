//! What was told against what the node knows after the storm.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
};

use vyr_sdk::{
    Client,
    control::{CancelTaskRequest, FailureKind, StreamTracesRequest, TaskState, TaskStatus},
};

use super::{
    plan::{Load, Plan, Reach},
    told::Told,
};
use crate::support::{Node, shown, stdout, until};

/// How many tasks are looked at where each look is a call of its own.
const SAMPLE: usize = 50;

/// Compares everything.
pub(super) async fn all(node: &Node, told: &HashMap<String, Told>, load: &Load) {
    let client = node.client();
    cancel_held(&client, told, load).await;
    let known = ended(node).await;
    let mut states = BTreeMap::new();
    for (task, told) in told {
        let plan = load.plan(&told.name);
        let state = compare_one(&plan, told, known.get(task), load);
        *states.entry(state).or_insert(0_u64) += 1;
    }
    // what was submitted but not acknowledged may or may not be there, but did not run twice either
    for file in fs::read_dir(&load.counts).unwrap() {
        let file = file.unwrap();
        let plan = load.plan(&file.file_name().into_string().unwrap());
        let ran = file.metadata().unwrap().len();
        assert!(plan.repeats() || ran <= 1, "{plan:?} ran {ran} times, seed {}", load.seed);
    }
    let shown = told.values().filter(|told| told.end.is_some()).count();
    eprintln!("{} acknowledged, {shown} shown to end: {states:?}", told.len());
    assert!(states.contains_key("SUCCEEDED") && shown > 0, "{states:?}");
    outputs_are_there(node, told, &known, load).await;
    keys_hold(node, told, load).await;
}

async fn history(client: &Client) -> HashMap<String, TaskStatus> {
    let request = StreamTracesRequest { no_spans: true, ..Default::default() };
    let mut stream = client.stream_traces(request).await.unwrap();
    let mut known = HashMap::new();
    while let Some(message) = stream.next().await.unwrap() {
        known.extend(message.tasks.into_iter().map(|task| (task.task_id.clone(), task)));
    }
    known
}

/// Cancels what waits for a state: all of it that was acknowledged still does, except what is volatile.
async fn cancel_held(client: &Client, told: &HashMap<String, Told>, load: &Load) {
    let known = history(client).await;
    for (task, told) in told {
        let plan = load.plan(&told.name);
        if plan.reach == Reach::Held && !plan.cancel && !plan.volatile {
            let status = &known[task];
            assert!(status.held && status.attempts == 0, "seed {}: {}", load.seed, shown(status));
        }
    }
    for status in known.values().filter(|status| status.held) {
        let request = CancelTaskRequest { task_id: status.task_id.clone(), ..Default::default() };
        let answer = client.cancel_task(request).await.unwrap();
        assert_eq!(answer.state.as_known(), Some(TaskState::Cancelled), "{}", shown(status));
    }
}

/// Reads everything that the node knows, once all of it has ended: a task that ends while its
/// history is read stands neither in what was read before nor among those that go on.
async fn ended(node: &Node) -> HashMap<String, TaskStatus> {
    let client = node.client();
    let load = || node.metric("vyr.queue.depth", None) + node.metric("vyr.tasks.running", None);
    // thousands may be queued: what is asked for is that they become fewer
    while let left @ 1.0.. = load() {
        until("a task ends", || load() < left);
    }
    loop {
        let known = history(&client).await;
        let open = known.values().find(|task| !task.end_time.is_set());
        match open.map(|task| task.task_id.clone()) {
            Some(task) => drop(client.wait(&task).await.unwrap()),
            None => return known,
        }
    }
}

/// Compares one acknowledged task; returns the name of its state.
fn compare_one(plan: &Plan, told: &Told, known: Option<&TaskStatus>, load: &Load) -> &'static str {
    let ran = load.executions(plan);
    let Some(status) = known else {
        assert!(plan.volatile && ran <= 1, "acknowledged, then forgotten: {plan:?}, seed {}", load.seed);
        return "unknown";
    };
    let state = status.state.as_known().unwrap();
    let case = format!("{plan:?} ran {ran} times, seed {}: {}", load.seed, shown(status));
    if !plan.repeats() {
        assert!(ran <= 1, "executed twice: {case}");
        assert!(status.attempts <= 1, "started twice: {case}");
    }
    // the start of a volatile one may not have come to the disk
    assert!(plan.volatile || ran <= u64::from(status.attempts), "executed without a start: {case}");
    if let Some(end) = &told.end {
        let forgotten = plan.volatile && state == TaskState::Lost;
        assert!(forgotten || *end == shown(status), "it was shown as {end}: {case}");
    }
    assert!(!told.cancelled || state == TaskState::Cancelled || plan.volatile, "it was cancelled: {case}");
    match state {
        TaskState::Succeeded => {
            assert!(plan.kind < 2 && status.attempts >= 1, "{case}");
            executed(plan, ran, status, load, &case);
            "SUCCEEDED"
        }
        TaskState::Failed => {
            let wanted = [None, None, Some(FailureKind::Exit), Some(FailureKind::Trap)];
            let failure = status.failure.as_known().unwrap();
            assert_eq!(Some(failure), wanted[plan.kind], "{case}");
            assert!(failure != FailureKind::Exit || status.exit_code == 3, "{case}");
            executed(plan, ran, status, load, &case);
            "FAILED"
        }
        TaskState::Cancelled => {
            assert!(plan.reach == Reach::Held && status.attempts == 0, "{case}");
            "CANCELLED"
        }
        // it was started, the node died, and it may not run again
        TaskState::Lost => {
            assert!(plan.volatile || !plan.idempotent && status.attempts == 1, "{case}");
            "LOST"
        }
        other => panic!("{other:?}: {case}"),
    }
}

/// What a guest leaves that was executed to its end.
fn executed(plan: &Plan, ran: u64, status: &TaskStatus, load: &Load, case: &str) {
    match plan.reach {
        Reach::Folder => assert!(ran >= 1, "{case}"),
        Reach::Sealed => {
            let said = vyr_model::Digest::of(&load.said(plan)).to_string();
            assert_eq!(status.stdout.as_option().map(|output| &output.digest), Some(&said), "{case}");
        }
        Reach::Held => panic!("it was never bound: {case}"),
    }
}

/// Reads what guests said that ran ahead, and sees that some did.
async fn outputs_are_there(
    node: &Node,
    told: &HashMap<String, Told>,
    known: &HashMap<String, TaskStatus>,
    load: &Load,
) {
    let mut ahead = 0;
    let plans = told.iter().map(|(task, told)| (task, load.plan(&told.name)));
    let sealed = plans.filter(|(_, plan)| plan.reach == Reach::Sealed && !plan.volatile && plan.kind < 2);
    for (task, plan) in sealed.filter(|(task, _)| known[*task].stdout.is_set()).take(SAMPLE) {
        assert_eq!(stdout(&node.client(), &known[task]).await, load.said(&plan), "{plan:?}");
        let trace = node.trace(task);
        let executed = trace.iter().filter(|span| span.name == "vyr.execute").map(|span| span.end).max();
        let commits = trace.iter().filter(|span| span.name == "vyr.commit");
        ahead += u32::from(commits.map(|span| Some(span.start)).max().is_some_and(|start| start >= executed));
    }
    eprintln!("{ahead} of at most {SAMPLE} ran ahead");
    assert!(ahead > 0, "no task ran ahead of its record");
}

/// A key names its task across all those restarts.
async fn keys_hold(node: &Node, told: &HashMap<String, Told>, load: &Load) {
    let client = node.client();
    let started = node.metric("vyr.tasks.started", None);
    let plans = told.iter().map(|(task, told)| (task, load.plan(&told.name)));
    // what is volatile may be unknown, and its key with it
    let with_key: Vec<_> = plans.filter(|(_, plan)| plan.key && !plan.volatile).take(SAMPLE).collect();
    assert!(!with_key.is_empty());
    for (task, plan) in with_key {
        let again = client.submit_task(load.submit(&plan).request()).await.unwrap();
        assert_eq!((&again.task_id, again.existing), (task, true), "{plan:?}");
    }
    until("the node is idle", || {
        node.metric("vyr.queue.depth", None) + node.metric("vyr.tasks.running", None) < 1.0
    });
    let after = node.metric("vyr.tasks.started", None);
    assert!(after - started < 0.5, "a repeated submit runs nothing");
}
