//! `kill -9` at random points under load. The list of what was acknowledged is kept outside of
//! the node; after the storm it is compared with what the node knows.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::SystemTime,
};

use vyr_sdk::{
    Client,
    control::{FailureKind, StreamTracesRequest, TaskState, TaskStatus},
};

use super::workload::{KINDS, executions, module};
use crate::support::{Node, Submit, shown, until};

/// Submitters at once.
const SUBMITTERS: u64 = 4;
/// Acknowledgements in one round, at most: some tasks are then running, some queued.
const ROUND: u64 = 24;

/// A small generator; its seed is told when the test fails.
pub(super) struct Dice(u64);

impl Dice {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

/// What was acknowledged, in a file and in memory.
struct Log {
    file: Mutex<File>,
    count: AtomicU64,
}

/// One acknowledged submit.
#[derive(Clone)]
struct Acked {
    name: String,
    idempotent: bool,
    kind: usize,
    key: bool,
}

impl Log {
    fn write(&self, task: &str, acked: &Acked) {
        let Acked { name, idempotent, kind, key } = acked;
        writeln!(self.file.lock().unwrap(), "{task} {name} {idempotent} {kind} {key}").unwrap();
        self.count.fetch_add(1, SeqCst);
    }

    fn read(path: &Path) -> HashMap<String, Acked> {
        let text = fs::read_to_string(path).unwrap();
        let parse = |line: &str| {
            let [task, name, idempotent, kind, key] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
            let acked = Acked {
                name: name.to_owned(),
                idempotent: idempotent.parse().unwrap(),
                kind: kind.parse().unwrap(),
                key: key.parse().unwrap(),
            };
            (task.to_owned(), acked)
        };
        text.lines().map(parse).collect()
    }
}

fn submit(artifacts: &[String], counts: &Path, acked: &Acked) -> Submit {
    let mut submit = Submit::new(&artifacts[acked.kind]).args([acked.name.as_str()]).dir(counts, "/counts");
    if acked.idempotent {
        submit = submit.idempotent();
    }
    if acked.key {
        submit = submit.key(&acked.name);
    }
    submit
}

/// Submits until the node dies.
async fn submitter(
    client: Client,
    (artifacts, counts): (Arc<[String]>, PathBuf),
    log: Arc<Log>,
    stop: Arc<AtomicBool>,
    (round, me): (u64, u64),
) {
    for n in 0_u64.. {
        let acked = Acked {
            name: format!("r{round}-{me}-{n}{}", if n % 3 == 0 { "i" } else { "n" }),
            idempotent: n % 3 == 0,
            kind: usize::try_from(n + me).unwrap() % KINDS.len(),
            key: n % 4 == 1,
        };
        match client.submit_task(submit(&artifacts, &counts, &acked).request()).await {
            Ok(answer) => log.write(&answer.task_id, &acked),
            Err(_) if stop.load(SeqCst) => return,
            // the kill may be seen here before it is told there
            Err(_) => tokio::task::yield_now().await,
        }
        if stop.load(SeqCst) {
            return;
        }
    }
}

/// Kills a node `rounds` times under load and compares.
pub(super) async fn storm(rounds: u64) {
    let seed = SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
    eprintln!("seed {seed}");
    let mut dice = Dice(u64::from(seed) | 1);
    let mut node = Node::with(["--max-running", "4"]);
    let counts = node.dir().join("counts");
    fs::create_dir(&counts).unwrap();
    let artifacts: Arc<[String]> =
        KINDS.iter().map(|(name, after)| node.put_wasm(name, &module(after))).collect();
    let path = node.dir().join("acknowledged");
    let log = Arc::new(Log { file: Mutex::new(File::create(&path).unwrap()), count: AtomicU64::new(0) });

    for round in 0..rounds {
        let stop = Arc::new(AtomicBool::new(false));
        let begin = log.count.load(SeqCst);
        let submitters: Vec<_> = (0..SUBMITTERS)
            .map(|me| {
                let what = (Arc::clone(&artifacts), counts.clone());
                tokio::spawn(submitter(node.client(), what, Arc::clone(&log), Arc::clone(&stop), (round, me)))
            })
            .collect();
        let after = begin + dice.next(ROUND);
        while log.count.load(SeqCst) < after {
            tokio::task::yield_now().await;
        }
        // anywhere within a commit
        for _ in 0..dice.next(200) {
            tokio::task::yield_now().await;
        }
        stop.store(true, SeqCst);
        node.kill();
        for submitter in submitters {
            submitter.await.unwrap();
        }
        node.start_again();
    }
    compare(&node, &Log::read(&path), &counts, seed).await;
    keys_hold(&node, &Log::read(&path), &artifacts, &counts).await;
}

/// Reads everything that the node knows, once all of it has ended: a task that ends while its
/// history is read stands neither in what was read before nor among those that go on.
async fn ended(node: &Node, acked: &HashMap<String, Acked>) -> HashMap<String, TaskStatus> {
    let client = node.client();
    let load = || node.metric("vyr.queue.depth", None) + node.metric("vyr.tasks.running", None);
    // thousands may be queued: what is asked for is that they become fewer
    while let left @ 1.0.. = load() {
        until("a task ends", || load() < left);
    }
    loop {
        let request = StreamTracesRequest { no_spans: true, ..Default::default() };
        let mut stream = client.stream_traces(request).await.unwrap();
        let mut known = HashMap::new();
        while let Some(message) = stream.next().await.unwrap() {
            known.extend(message.tasks.into_iter().map(|task| (task.task_id.clone(), task)));
        }
        let open = known.values().find(|task| !task.end_time.is_set());
        match open.map(|task| task.task_id.clone()) {
            Some(task) => drop(client.wait(&task).await.unwrap()),
            None => {
                let missing: Vec<_> = acked.keys().filter(|task| !known.contains_key(*task)).collect();
                assert!(missing.is_empty(), "acknowledged, then forgotten: {missing:?}");
                return known;
            }
        }
    }
}

async fn compare(node: &Node, acked: &HashMap<String, Acked>, counts: &Path, seed: u32) {
    let known = ended(node, acked).await;
    let mut states = HashMap::new();
    for (task, acked) in acked {
        let status = &known[task];
        let state = status.state.as_known().unwrap();
        let failure = status.failure.as_known().unwrap();
        let ran = executions(counts, &acked.name);
        let told = format!("{} ran {ran} times, seed {seed}: {}", acked.name, shown(status));
        *states.entry(state).or_insert(0_u64) += 1;
        if !acked.idempotent {
            assert!(ran <= 1, "executed twice: {told}");
            assert!(status.attempts <= 1, "started twice: {told}");
        }
        assert!(ran <= u64::from(status.attempts), "executed without a start: {told}");
        match state {
            TaskState::Succeeded => assert!(ran >= 1 && acked.kind < 2, "{told}"),
            TaskState::Failed => {
                let wanted = [None, None, Some(FailureKind::Exit), Some(FailureKind::Trap)];
                assert_eq!(Some(failure), wanted[acked.kind], "{told}");
                assert!(failure != FailureKind::Exit || status.exit_code == 3, "{told}");
                assert!(ran >= 1, "{told}");
            }
            // lost: it was started, the node died, and it may not run again
            TaskState::Lost => assert!(!acked.idempotent && status.attempts == 1, "{told}"),
            other => panic!("{other:?}: {told}"),
        }
    }
    // what was submitted but not acknowledged may or may not be there, but did not run twice either
    for file in fs::read_dir(counts).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        assert!(name.ends_with('i') || file.metadata().unwrap().len() <= 1, "{name} ran twice, seed {seed}");
    }
    eprintln!("{} acknowledged: {states:?}", acked.len());
    assert!(states.contains_key(&TaskState::Succeeded), "{states:?}");
}

/// A key names its task across all those restarts.
async fn keys_hold(node: &Node, acked: &HashMap<String, Acked>, artifacts: &[String], counts: &Path) {
    let client = node.client();
    let before = acked.values().map(|acked| executions(counts, &acked.name)).sum::<u64>();
    let with_key: Vec<_> = acked.iter().filter(|(_, acked)| acked.key).collect();
    assert!(!with_key.is_empty());
    for (task, acked) in with_key.iter().take(50) {
        let again = client.submit_task(submit(artifacts, counts, acked).request()).await.unwrap();
        assert_eq!((&again.task_id, again.existing), (*task, true), "{}", acked.name);
    }
    until("the node is idle", || {
        node.metric("vyr.queue.depth", None) + node.metric("vyr.tasks.running", None) < 1.0
    });
    let after = acked.values().map(|acked| executions(counts, &acked.name)).sum::<u64>();
    assert_eq!(before, after, "a repeated submit runs nothing");
}

#[tokio::test]
async fn twenty_five_kills_lose_and_repeat_nothing() {
    storm(25).await;
}
