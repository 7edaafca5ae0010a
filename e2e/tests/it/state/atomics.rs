//! One state under many tasks at once.

use std::{collections::BTreeSet, time::Duration};

use vyr_sdk::control::BindMode;

use super::create;
use crate::support::{Node, Submit, ended_well, stdout};

#[tokio::test]
async fn sixty_four_tasks_count_without_losing_one() {
    const AT_ONCE: u64 = 64;
    const TASKS: u64 = 4 * AT_ONCE;
    let node = Node::with(["--max-running", "64"]);
    let client = node.client();
    let (kv, state) = (node.put_with_states("kv", &["s"]), create(&client, "counter").await);
    let increment = Submit::new(&kv).args(["s", "increment", "n", "1"]).state("s", &state, BindMode::Rw);
    let runs = (0..TASKS).map(|_| increment.run(&client));
    let mut sums = BTreeSet::new();
    for status in futures::future::join_all(runs).await {
        ended_well(&status);
        let sum = number(&stdout(&client, &status).await);
        assert!(sums.insert(sum), "two increments saw {sum}");
    }
    assert_eq!(sums, (1..=TASKS).collect());
    let read = Submit::new(&kv).args(["s", "increment", "n", "0"]).state("s", &state, BindMode::Rw);
    assert_eq!(number(&stdout(&client, &read.run(&client).await).await), TASKS);
}

/// None of them goes on before the last is there: fewer than all at once would wait for ever.
#[tokio::test]
async fn sixty_four_tasks_that_met_count_without_losing_one() {
    const AT_ONCE: u64 = 64;
    const TIMES: u64 = 100;
    let node = Node::with(["--max-running", "64"]);
    let client = node.client();
    let (kv, state) = (node.put_with_states("kv", &["s"]), create(&client, "counters").await);
    let on_state =
        |args: &[&str]| Submit::new(&kv).args(args.iter().copied()).state("s", &state, BindMode::Rw);
    let meet = on_state(&["s", "meet", &AT_ONCE.to_string(), &TIMES.to_string()]);
    let meet = meet.wall_time(Duration::from_secs(120));
    let mut late = 0;
    let runs = (0..AT_ONCE).map(|_| meet.run(&client));
    for status in futures::future::join_all(runs).await {
        ended_well(&status);
        late += number(&stdout(&client, &status).await);
    }
    eprintln!("{late} swaps came too late, and were repeated");
    let counters = [("arrived", AT_ONCE), ("sum", AT_ONCE * TIMES), ("swapped", AT_ONCE * TIMES)];
    for (key, wanted) in counters {
        let read = on_state(&["s", "get", key]).run(&client).await;
        assert_eq!(number(&stdout(&client, &read).await), wanted, "{key}");
    }
}

fn number(said: &[u8]) -> u64 {
    str::from_utf8(said).unwrap().trim().parse().unwrap()
}

#[tokio::test]
async fn of_many_swaps_from_one_value_one_wins() {
    let node = Node::with(["--max-running", "64"]);
    let client = node.client();
    let (kv, state) = (node.put_with_states("kv", &["s"]), create(&client, "lock").await);
    let run = async |args: Vec<String>| {
        let status = Submit::new(&kv).args(args).state("s", &state, BindMode::Rw).run(&client).await;
        String::from_utf8(stdout(&client, &status).await).unwrap().trim().to_owned()
    };
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(run(words("s set k free")).await, "ok");
    let swaps = (0..64).map(|n| run(words(&format!("s cas k free task{n}"))));
    let said = futures::future::join_all(swaps).await;
    assert_eq!(said.iter().filter(|said| *said == "swapped").count(), 1, "{said:?}");
    let winner = said.iter().position(|said| said == "swapped").unwrap();
    assert_eq!(run(words("s get k")).await, format!("task{winner}"));
    assert_eq!(run(words("s cas-race k again")).await, "failed, now in between\nswapped");
}
