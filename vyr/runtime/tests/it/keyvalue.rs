use tokio::time::Instant;
use vyr_model::{BindMode, Failure, LimitKind, StateId, Terminal};
use vyr_runtime::wasm::Program;
use vyr_state::{StateKernel, StateOptions};

use crate::support::{Ran, Task, guest};

struct States {
    kernel: StateKernel,
    program: Program,
}

impl States {
    fn new() -> Self {
        Self { kernel: StateKernel::new(StateOptions::default()), program: guest("kv") }
    }

    fn create(&self) -> StateId {
        self.kernel.create("state", None, None, Instant::now()).unwrap()
    }

    fn task(&self, state: StateId, mode: BindMode, args: &[&str]) -> Task {
        let binding = self.kernel.bind_all(&[(state, mode)], Instant::now()).unwrap().remove(0);
        Task::new(args).with(|request| request.states.push(("s".into(), binding)))
    }

    async fn ask(&self, state: StateId, mode: BindMode, args: &[&str]) -> Ran {
        let args: Vec<_> = std::iter::once(&"s").chain(args).copied().collect();
        self.task(state, mode, &args).run(&self.program).await
    }

    async fn say(&self, state: StateId, args: &[&str]) -> String {
        self.ask(state, BindMode::ReadWrite, args).await.stdout.text().trim_end().to_owned()
    }
}

#[tokio::test]
async fn one_task_reads_what_another_wrote() {
    let states = States::new();
    let state = states.create();
    assert_eq!(states.say(state, &["get", "k"]).await, "none");
    assert_eq!(states.say(state, &["set", "k", "value"]).await, "ok");
    assert_eq!(states.say(state, &["get", "k"]).await, "value");
    assert_eq!(states.say(state, &["exists", "k"]).await, "true");
    assert_eq!(states.say(state, &["delete", "k"]).await, "ok");
    assert_eq!(states.say(state, &["delete", "k"]).await, "ok");
    assert_eq!(states.say(state, &["exists", "k"]).await, "false");
}

#[tokio::test]
async fn pages_hold_every_key_once() {
    let states = States::new();
    let state = states.create();
    assert_eq!(states.say(state, &["fill", "2500"]).await, "ok");
    let mut expected: Vec<_> = (0..2500).map(|i| format!("k{i}")).collect();
    expected.sort();
    assert_eq!(states.say(state, &["list-keys"]).await, expected.join("\n"));
}

#[tokio::test]
async fn batches_answer_in_the_asked_order() {
    let states = States::new();
    let state = states.create();
    assert_eq!(states.say(state, &["set-many", "a=1", "b=2"]).await, "ok");
    assert_eq!(states.say(state, &["get-many", "b", "x", "a"]).await, "b=2\nnone\na=1");
    assert_eq!(states.say(state, &["delete-many", "a", "x"]).await, "ok");
    assert_eq!(states.say(state, &["get-many", "a", "b"]).await, "none\nb=2");
}

#[tokio::test]
async fn swaps_compare_and_failed_ones_can_go_on() {
    let states = States::new();
    let state = states.create();
    assert_eq!(states.say(state, &["cas", "k", "none", "1"]).await, "swapped");
    assert_eq!(states.say(state, &["cas", "k", "0", "2"]).await, "differs 1");
    assert_eq!(states.say(state, &["cas", "k", "1", "2"]).await, "swapped");
    assert_eq!(states.say(state, &["cas-race", "k", "9"]).await, "failed, now in between\nswapped");
    assert_eq!(states.say(state, &["get", "k"]).await, "9");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_tasks_lose_no_increment() {
    let states = States::new();
    let state = states.create();
    let runs = (0..64).map(|_| states.ask(state, BindMode::ReadWrite, &["increment", "n", "3"]));
    for ran in futures::future::join_all(runs).await {
        ran.succeeded();
    }
    assert_eq!(states.say(state, &["increment", "n", "-2"]).await, "190");
}

#[tokio::test]
async fn a_read_only_binding_denies_writes() {
    let states = States::new();
    let state = states.create();
    states.say(state, &["set", "k", "v"]).await;
    for write in [
        &["set", "k", "x"][..],
        &["delete", "k"],
        &["increment", "n", "1"],
        &["cas", "k", "v", "x"],
        &["set-many", "k=x"],
        &["delete-many", "k"],
    ] {
        let ran = states.ask(state, BindMode::ReadOnly, write).await;
        ran.ended(Terminal::Failed(Failure::Exit(1)));
        assert_eq!(ran.stdout.text(), "error: access-denied\n", "{write:?}");
    }
    let ran = states.ask(state, BindMode::ReadOnly, &["get", "k"]).await.succeeded();
    assert_eq!(ran.stdout.text(), "v\n");
}

#[tokio::test]
async fn a_name_that_is_not_bound_is_no_store() {
    let states = States::new();
    let state = states.create();
    for name in ["", "S", "other", &state.to_string()] {
        let ran = states.task(state, BindMode::ReadWrite, &[name, "get", "k"]).run(&states.program).await;
        ran.ended(Terminal::Failed(Failure::Exit(1)));
        assert_eq!(ran.stdout.text(), "error: no-such-store\n", "{name}");
    }
}

#[tokio::test]
async fn a_full_state_says_so() {
    let states = States::new();
    let state = states.kernel.create("small", Some(2048), None, Instant::now()).unwrap();
    let ran = states.ask(state, BindMode::ReadWrite, &["fill", "100"]).await;
    ran.ended(Terminal::Failed(Failure::Exit(1)));
    assert!(ran.stdout.text().starts_with("error: other: the state's quota"), "{}", ran.stdout.text());
}

#[tokio::test]
async fn a_value_too_large_for_one_call_ends_the_task() {
    let states = States::new();
    let state = states.create();
    states.say(state, &["set", "k", &"v".repeat(9000)]).await;
    let task = states.task(state, BindMode::ReadWrite, &["s", "get", "k"]);
    let ran = task.limits(|l| l.host_call_bytes = 8192).run(&states.program).await;
    ran.limited(LimitKind::HostCallBytes);
}
