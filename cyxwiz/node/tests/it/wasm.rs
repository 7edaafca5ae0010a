//! Jobs from assignment to last report.

use std::sync::atomic::Ordering;

use cyxwiz_proto::v1;
use cyxwiz_proto::v1::__buffa::oneof::report_attempt_request::Step;
use cyxwiz_proto::v1::LogStream;

use crate::guest::{Do, program};
use crate::market::Market;
use crate::node::Node;

fn ending(finished: &v1::Finished) -> (String, Option<i32>) {
    (finished.ending.reason.clone(), finished.ending.exit_code)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_and_everything_of_it_arrives() {
    let market = Market::start().await;
    let node = Node::run(&market).await;
    let mut job = market.wasm(
        &program(&[
            Do::Show(3, "data/in.txt"),
            Do::Show(5, "model.ckpt"),
            Do::Err("careful\n".into()),
            Do::File(
                6,
                "metrics.jsonl",
                "{\"step\":1,\"total\":2,\"loss\":0.5}\nrubbish\n{\"step\":2}\n".into(),
            ),
            Do::File(4, "model.bin", "weights".into()),
            Do::File(4, "é ñ.txt", "unicode".into()),
        ]),
        &["a", "b"],
    );
    job.inputs.push(market.link("data/in.txt", b"the data\n"));
    job.checkpoint.push(market.link("model.ckpt", b"half-way\n"));
    let trace = job.traceparent.clone();
    let id = market.assign(job).await;
    let finished = market.finished(&id).await;
    assert_eq!(ending(&finished), ("succeeded".to_owned(), Some(0)), "{}", finished.ending.message);
    let mut outputs: Vec<&str> = finished.outputs.iter().map(|file| file.path.as_str()).collect();
    outputs.sort_unstable();
    assert_eq!(outputs, ["model.bin", "é ñ.txt"]);
    market.told(|told| {
        assert_eq!(told.step_names(&id), ["files", "started", "exited", "finished"]);
        assert_eq!(told.output(&id, LogStream::Stdout), "the data\nhalf-way\n");
        assert_eq!(told.output(&id, LogStream::Stderr), "careful\n");
        let progress = told.progress(&id);
        assert_eq!(progress.len(), 2);
        assert_eq!(
            (progress[0].step, progress[0].total, progress[0].values["loss"]),
            (Some(1.0), Some(2.0), 0.5)
        );
        assert_eq!(told.uploaded("output", "model.bin").as_deref(), Some(b"weights".as_slice()));
        assert_eq!(told.uploaded("output", "é ñ.txt").as_deref(), Some(b"unicode".as_slice()));
    });
    let Some(Step::Started(started)) = market.told(|told| told.steps(&id).into_iter().nth(1)) else {
        panic!()
    };
    assert!(started.artifact_digest.starts_with("sha256:"));
    // the job is a task of the node's own VYR, in the trace of the job
    let endpoint = vyr_sdk::Endpoint::local(&node.home().join("vyr"));
    let status = vyr_sdk::Client::new(endpoint, None).unwrap().wait(&started.task_id).await.unwrap();
    assert_eq!(status.artifact_digest, started.artifact_digest);
    assert!(trace.contains(&status.trace_id), "{trace} {}", status.trace_id);
    until_empty(&node).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_clock_is_half_an_hour_off_works_as_any_other() {
    for off in ["+1800s", "-1800s"] {
        let market = Market::start().await;
        let mut node = Node::run_at(&market, Some(off)).await;
        let mut last = String::new();
        for number in 0..2 {
            let job = market.wasm(&program(&[Do::File(4, "out", format!("{number}"))]), &[]);
            let id = market.assign(job).await;
            let finished = market.finished(&id).await;
            let ended = ending(&finished);
            assert_eq!(ended, ("succeeded".to_owned(), Some(0)), "{off}: {}", finished.ending.message);
            last = id;
        }
        // it says when by its own clock, which is what nobody goes by
        let said = market.told(|told| {
            let exited = told.steps(&last).into_iter().find_map(|step| match step {
                Step::Exited(exited) => exited.at.as_option().map(|at| at.seconds),
                _ => None,
            });
            exited.unwrap()
        });
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let ahead = said - i64::try_from(now).unwrap();
        assert!((1200..2400).contains(&ahead.abs()) && (ahead > 0) == off.starts_with('+'), "{off}: {ahead}");
        until_empty(&node).await;
        assert_eq!(node.stop().await, Some(0));
    }
}

/// Waits until no attempt's folder is left.
async fn until_empty(node: &Node) {
    for _ in 0..600 {
        if node.attempts().is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("left behind: {:?}", node.attempts());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_end_has_its_word() {
    let market = Market::start().await;
    let _node = Node::run(&market).await;
    for (steps, reason, code) in [
        (vec![Do::Out("x".into()), Do::Exit(3)], "exit", Some(3)),
        (vec![Do::Trap], "signal", None),
        (vec![Do::Grow(2000)], "out_of_memory", None),
        (vec![Do::Fill(40 << 20), Do::Forever(vec![Do::Sleep(50)])], "disk", None),
    ] {
        let id = market.assign(market.wasm(&program(&steps), &[])).await;
        let finished = market.finished(&id).await;
        assert_eq!(ending(&finished), (reason.to_owned(), code), "{}", finished.ending.message);
        assert!(finished.outputs.is_empty() && !finished.ending.message.is_empty());
    }
    let mut lacking = market.wasm(&program(&[Do::File(4, "a", "x".into())]), &[]);
    lacking.spec.get_or_insert_default().expected_outputs = vec!["b".to_owned()];
    let id = market.assign(lacking).await;
    let finished = market.finished(&id).await;
    assert_eq!(finished.ending.reason, "no_output");
    assert!(finished.ending.message.contains("`b`"), "{}", finished.ending.message);
    let mut no_program = market.wasm(&program(&[]), &[]);
    no_program.inputs = vec![market.link("job.wasm", b"print('hello')")];
    let id = market.assign(no_program).await;
    assert_eq!(market.finished(&id).await.ending.reason, "requirements");
    assert_eq!(market.told(|told| told.step_names(&id)), ["files", "finished"]);
    let mut slow = market.wasm(&program(&[Do::Forever(vec![])]), &[]);
    slow.timeout_seconds = 1;
    let id = market.assign(slow).await;
    assert_eq!(market.finished(&id).await.ending.reason, "timeout");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_the_script_and_delivers_what_there_is() {
    let market = Market::start().await;
    let _node = Node::run(&market).await;
    let steps = [Do::File(4, "partial", "so far".into()), Do::Out("on\n".into()), Do::Forever(vec![])];
    for reason in ["cancelled", "budget"] {
        let id = market.assign(market.wasm(&program(&steps), &[])).await;
        market.until("output", |told| told.output(&id, LogStream::Stdout).contains("on").then_some(())).await;
        market.say(v1::Stop {
            attempt_id: id.clone(),
            epoch: 1,
            reason: reason.to_owned(),
            ..Default::default()
        });
        let finished = market.finished(&id).await;
        assert_eq!(finished.ending.reason, reason);
        assert_eq!(finished.outputs.len(), 1);
        assert_eq!(
            market.told(|told| told.uploaded("output", "partial")).as_deref(),
            Some(b"so far".as_slice())
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn beats_tell_what_a_program_uses_while_it_runs() {
    let market = Market::start().await;
    let _node = Node::run(&market).await;
    // 8 MiB beside the 128 KiB that it has from its start
    let steps = [Do::Grow(128), Do::Out("on\n".into()), Do::Forever(vec![])];
    let id = market.assign(market.wasm(&program(&steps), &[])).await;
    let used = |beat: &v1::Beat| {
        let own = beat.attempts.iter().find(|attempt| attempt.attempt_id == id)?;
        own.usage.as_option().cloned()
    };
    let first = market
        .until("use of memory and processor", |told| {
            told.beats.iter().filter_map(used).find(|usage| usage.cpu_ms > 0 && usage.memory_bytes > 8 << 20)
        })
        .await;
    assert_eq!(first.memory_bytes, (128 + 2) * 65_536);
    market
        .until("more of it", |told| {
            told.beats.iter().filter_map(used).find(|usage| usage.cpu_ms > first.cpu_ms)
        })
        .await;
    market.say(v1::Stop {
        attempt_id: id.clone(),
        epoch: 1,
        reason: "cancelled".into(),
        ..Default::default()
    });
    market.finished(&id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_of_another_epoch_or_too_late_changes_nothing() {
    let market = Market::start().await;
    let _node = Node::run(&market).await;
    let steps = [Do::Out("on\n".into()), Do::Sleep(1500), Do::Out("well\n".into())];
    let id = market.assign(market.wasm(&program(&steps), &[])).await;
    market.until("output", |told| told.output(&id, LogStream::Stdout).contains("on").then_some(())).await;
    market.say(v1::Stop {
        attempt_id: id.clone(),
        epoch: 7,
        reason: "cancelled".to_owned(),
        ..Default::default()
    });
    market.until("the exit", |told| told.step_names(&id).contains(&"exited".to_owned()).then_some(())).await;
    market.say(v1::Stop {
        attempt_id: id.clone(),
        epoch: 1,
        reason: "cancelled".to_owned(),
        ..Default::default()
    });
    assert_eq!(market.finished(&id).await.ending.reason, "succeeded");
    assert_eq!(market.told(|told| told.output(&id, LogStream::Stdout)), "on\nwell\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_arrive_while_the_script_runs() {
    let market = Market::start().await;
    let _node = Node::run(&market).await;
    let steps = [
        Do::File(5, "ckpt-1", "one".into()),
        Do::Sleep(6000),
        Do::File(5, "ckpt-2", "two".into()),
        Do::Forever(vec![Do::Sleep(100)]),
    ];
    let id = market.assign(market.wasm(&program(&steps), &[])).await;
    let second = market
        .until("two checkpoints", |told| {
            told.steps(&id).into_iter().find_map(|step| match step {
                Step::Checkpoint(checkpoint) if checkpoint.number == 2 => Some(checkpoint),
                _ => None,
            })
        })
        .await;
    let mut paths: Vec<&str> = second.files.iter().map(|file| file.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["ckpt-1", "ckpt-2"]);
    market.told(|told| {
        let numbers: Vec<&str> = told.uploads.iter().map(|upload| upload.number.as_str()).collect();
        assert_eq!(numbers, ["1", "2", "2"]);
    });
    market.say(v1::Stop {
        attempt_id: id.clone(),
        epoch: 1,
        reason: "cancelled".to_owned(),
        ..Default::default()
    });
    market.finished(&id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_and_strange_files_stay_on_the_node() {
    let market = Market::start().await;
    let node = Node::run(&market).await;
    let steps = [
        Do::File(4, "good", "x".into()),
        Do::Link(4, "../../identity.pem", "evil"),
        Do::Link(4, "good", "alias"),
        Do::File(4, "a:b", "colon".into()),
        Do::File(4, "line\nbreak", "x".into()),
    ];
    let id = market.assign(market.wasm(&program(&steps), &[])).await;
    let finished = market.finished(&id).await;
    assert_eq!(finished.outputs.len(), 1, "{:?}", finished.outputs);
    assert_eq!(finished.outputs[0].path, "good");
    let said = market.told(|told| told.output(&id, LogStream::System));
    for what in ["`evil` is a symbolic link", "`alias` is a symbolic link", "`a:b` has a name"] {
        assert!(said.contains(what), "{said}");
    }
    assert_eq!(said.lines().count(), 4, "{said}");
    drop(node);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_inputs_are_refused_before_anything_is_written() {
    let market = Market::start().await;
    let node = Node::run(&market).await;
    market.attended().await;
    for path in ["../../config.toml", "/etc/cron.d/x", "a/../../b", "a\\b", ""] {
        let mut job = market.wasm(&program(&[]), &[]);
        job.inputs.push(market.link(path, b"evil"));
        let id = job.attempt_id.clone();
        market.say(job);
        let answer = market
            .until("an answer", |told| told.answers.iter().find(|answer| answer.attempt_id == id).cloned())
            .await;
        assert!(!answer.accepted, "{path}");
    }
    let mut job = market.wasm(&program(&[]), &[]);
    let mut link = market.link("x", b"what was announced");
    link.url = market.link("y", b"something other!!!").url;
    job.inputs.push(link);
    let id = market.assign(job).await;
    let finished = market.finished(&id).await;
    assert_eq!(finished.ending.reason, "node_error");
    assert!(finished.ending.message.contains("SHA-256"), "{}", finished.ending.message);
    drop(node);
}

#[tokio::test(flavor = "multi_thread")]
async fn transfers_go_on_where_they_broke() {
    let market = Market::start().await;
    let _node = Node::run(&market).await;
    market.0.break_downloads.store(3, Ordering::Release);
    market.0.break_uploads.store(9_000, Ordering::Release);
    let big: String = (0..5_000).map(|n| format!("{n:09}\n")).collect();
    let mut job =
        market.wasm(&program(&[Do::Show(3, "big"), Do::File(4, "out", big[..40_000].to_owned())]), &[]);
    job.inputs.push(market.link("big", big.as_bytes()));
    let id = market.assign(job).await;
    assert_eq!(market.finished(&id).await.ending.reason, "succeeded");
    market.told(|told| {
        let upload = told.uploads.iter().find(|upload| upload.path == "out").unwrap();
        assert_eq!(upload.patches, 5, "each goes on where the last ended");
        assert_eq!(told.uploaded("output", "out").unwrap(), big.as_bytes()[..40_000]);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_output_is_cut_at_the_logs_limit() {
    let market = Market::start().await;
    let _node = Node::run(&market).await;
    let line = format!("{}\n", "x".repeat(999));
    let mut job = market.wasm(&program(&[Do::Out(line.repeat(20)), Do::Out(line.repeat(20))]), &[]);
    job.max_log_bytes = 30_000;
    let id = market.assign(job).await;
    assert_eq!(market.finished(&id).await.ending.reason, "succeeded");
    market.told(|told| {
        assert_eq!(told.output(&id, LogStream::Stdout).len(), 30_000);
        assert!(told.output(&id, LogStream::System).contains("the log is full at 30000 bytes"));
    });
}
