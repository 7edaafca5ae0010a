//! Scripts in real containers. Needs CYXWIZ_DOCKER (an engine's socket) and CYXWIZ_IMAGE_PYTHON (an image's id), as
//! `./x test` sets them.

use cyxwiz_proto::v1;
use cyxwiz_proto::v1::__buffa::oneof::job_spec::Workload;
use cyxwiz_proto::v1::__buffa::oneof::report_attempt_request::Step;
use cyxwiz_proto::v1::LogStream;

use crate::market::Market;
use crate::node::{Node, WALLET, text};

fn variable(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run `./x test`, or set it as `./x containers` says"))
}

async fn node(market: &Market) -> Node {
    let mut node = Node::new();
    let server = market.url();
    let args = [
        "install",
        "--server",
        &server,
        "--wallet",
        WALLET,
        "--no-service",
        "--cpu-slots",
        "4",
        "-o",
        "json",
    ];
    let installed = node.call(&args).await;
    assert!(installed.status.success(), "{:?}", text(&installed));
    node.start();
    node
}

fn script(market: &Market, source: &str, args: &[&str]) -> v1::Assignment {
    let mut job = market.wasm("(module)", &[]);
    let workload = v1::ScriptWorkload {
        entry: "train.py".to_owned(),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        image: "python".to_owned(),
        install_requirements: true,
        ..Default::default()
    };
    job.spec.get_or_insert_default().workload = Some(Workload::from(workload));
    job.spec.get_or_insert_default().requirements.get_or_insert_default().memory_mib = 128;
    job.inputs = vec![market.link("train.py", source.as_bytes())];
    job.image = variable("CYXWIZ_IMAGE_PYTHON");
    job
}

/// The containers of all nodes that the engine has for a task.
async fn containers_of(task: &str) -> usize {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().unix_socket(variable("CYXWIZ_DOCKER")).build().unwrap();
    let filters = format!("%7B%22label%22%3A%5B%22org.cyxwiz.task%3D{task}%22%5D%7D");
    let url = format!("http://engine/containers/json?all=true&filters={filters}");
    let list: serde_json::Value =
        serde_json::from_slice(&http.get(url).send().await.unwrap().bytes().await.unwrap()).unwrap();
    list.as_array().unwrap().len()
}

fn task_of(market: &Market, id: &str) -> String {
    market.told(|told| {
        let started = told.steps(id).into_iter().find_map(|step| match step {
            Step::Started(started) => Some(started.task_id),
            _ => None,
        });
        started.expect("a start")
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_runs_and_everything_of_it_arrives() {
    let market = Market::start().await;
    let node = node(&market).await;
    let source = r#"
import json, os, sys
print(open("data/in.txt").read().strip(), sys.argv[1:], os.environ["COLOUR"], flush=True)
print(open(os.environ["CYX_CHECKPOINT_DIR"] + "/ckpt").read(), file=sys.stderr)
with open(os.environ["CYX_METRICS"], "a") as metrics:
    for step in range(3):
        print(json.dumps({"step": step, "total": 3, "loss": 1 / (step + 1)}), file=metrics)
out = os.environ["CYX_OUTPUT_DIR"]
os.makedirs(out + "/model")
open(out + "/model/weights.bin", "wb").write(b"w" * 100000)
os.symlink("/etc/passwd", out + "/passwd")
try:
    open("/job/x", "w")
except OSError as error:
    print("read-only:", error.errno)
sum(n * n for n in range(2000000))
"#;
    let mut job = script(&market, source, &["--lr", "0.1"]);
    job.inputs.push(market.link("data/in.txt", b"the data\n"));
    job.checkpoint.push(market.link("ckpt", b"half-way"));
    job.spec.get_or_insert_default().env.insert("COLOUR".to_owned(), "blue".to_owned());
    let trace = job.traceparent.clone();
    let id = market.assign(job).await;
    let finished = market.finished(&id).await;
    let said = market.told(|told| {
        (
            told.output(&id, LogStream::Stdout),
            told.output(&id, LogStream::Stderr),
            told.output(&id, LogStream::System),
        )
    });
    assert_eq!(finished.ending.reason, "succeeded", "{} {said:?}", finished.ending.message);
    assert_eq!(said.0, "the data ['--lr', '0.1'] blue\nread-only: 30\n");
    assert_eq!(said.1, "half-way\n");
    assert!(said.2.contains("`passwd` is a symbolic link"), "{}", said.2);
    assert_eq!(finished.outputs.len(), 1);
    market.told(|told| {
        assert_eq!(told.step_names(&id), ["files", "image", "started", "exited", "finished"]);
        assert_eq!(told.uploaded("output", "model/weights.bin").unwrap().len(), 100_000);
        assert_eq!(told.progress(&id).len(), 3);
        let cpu = told.steps(&id).into_iter().find_map(|step| match step {
            Step::Exited(exited) => Some(exited.usage.cpu_ms),
            _ => None,
        });
        assert!(cpu.is_some_and(|ms| ms > 0), "{cpu:?}");
        assert!(told.enrolled.last().unwrap().hardware.container_engine.starts_with("docker "));
    });
    let task = task_of(&market, &id);
    let endpoint = vyr_sdk::Endpoint::local(&node.home().join("vyr"));
    let status = vyr_sdk::Client::new(endpoint, None).unwrap().wait(&task).await.unwrap();
    assert!(trace.contains(&status.trace_id), "{trace} {}", status.trace_id);
    assert_eq!(containers_of(&task).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_end_has_its_word() {
    let market = Market::start().await;
    let _node = node(&market).await;
    for (source, reason, code) in [
        ("raise SystemExit(3)", "exit", Some(3)),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "signal", None),
        ("x = bytearray(400 << 20)\nprint(len(x))", "out_of_memory", None),
        ("open('/output/x', 'wb').write(b'x' * (80 << 20))", "disk", None),
        ("import time\ntime.sleep(600)", "timeout", None),
    ] {
        let mut job = script(&market, source, &[]);
        job.timeout_seconds = if reason == "timeout" { 2 } else { 60 };
        let id = market.assign(job).await;
        let finished = market.finished(&id).await;
        let said = market.told(|told| told.output(&id, LogStream::Stderr));
        assert_eq!(
            (finished.ending.reason.as_str(), finished.ending.exit_code),
            (reason, code),
            "{} {said}",
            finished.ending.message
        );
        assert_eq!(containers_of(&task_of(&market, &id)).await, 0);
    }
    let mut absent = script(&market, "", &[]);
    absent.image = format!("sha256:{}", "ab".repeat(32));
    let id = market.assign(absent).await;
    let finished = market.finished(&id).await;
    assert_eq!(finished.ending.reason, "node_error");
    assert!(finished.ending.message.contains("no registry"), "{}", finished.ending.message);
    let mut nothing = script(&market, "", &[]);
    nothing.inputs.clear();
    let id = market.assign(nothing).await;
    assert_eq!(market.finished(&id).await.ending.reason, "requirements");
}

#[tokio::test(flavor = "multi_thread")]
async fn requirements_are_installed_in_a_container_of_their_own() {
    let market = Market::start().await;
    let _node = node(&market).await;
    let mut job = script(&market, "import greeting\nprint(greeting.WORD)", &[]);
    job.inputs.push(market.link("requirements.txt", b"./wheels/greeting-1.0-py3-none-any.whl\n"));
    job.inputs.push(market.link("wheels/greeting-1.0-py3-none-any.whl", &wheel()));
    let id = market.assign(job).await;
    let finished = market.finished(&id).await;
    let said = market.told(|told| told.output(&id, LogStream::System));
    assert_eq!(finished.ending.reason, "succeeded", "{} {said}", finished.ending.message);
    market.told(|told| {
        assert_eq!(told.output(&id, LogStream::Stdout), "hello\n");
        assert_eq!(told.step_names(&id), ["files", "image", "requirements", "started", "exited", "finished"]);
    });
    assert!(said.contains("Successfully installed greeting-1.0"), "{said}");
    let mut job = script(&market, "print('never')", &[]);
    job.inputs.push(market.link("requirements.txt", b"./no-such-file.whl\n"));
    let id = market.assign(job).await;
    let finished = market.finished(&id).await;
    assert_eq!(finished.ending.reason, "requirements");
    assert!(finished.ending.message.contains("pip ended with code 1"), "{}", finished.ending.message);
    market.told(|told| {
        assert!(told.output(&id, LogStream::System).contains("no-such-file.whl"));
        assert_eq!(told.step_names(&id), ["files", "image", "requirements", "finished"]);
        assert_eq!(told.output(&id, LogStream::Stdout), "");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_a_script_save_its_work_but_not_for_ever() {
    let market = Market::start().await;
    let _node = node(&market).await;
    let saves = r#"
import os, signal, sys, time
def save(*_):
    open(os.environ["CYX_OUTPUT_DIR"] + "/saved", "w").write("in time")
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
print("on", flush=True)
time.sleep(600)
"#;
    let ignores = "import signal, time\nsignal.signal(signal.SIGTERM, lambda *_: None)\nprint('on', flush=True)\nwhile True: time.sleep(1)\n";
    for (source, files) in [(saves, 1), (ignores, 0)] {
        let id = market.assign(script(&market, source, &[])).await;
        market.until("output", |told| told.output(&id, LogStream::Stdout).contains("on").then_some(())).await;
        market.say(v1::Stop {
            attempt_id: id.clone(),
            epoch: 1,
            reason: "budget".to_owned(),
            grace_seconds: 3,
            ..Default::default()
        });
        let finished = market.finished(&id).await;
        assert_eq!((finished.ending.reason.as_str(), finished.outputs.len()), ("budget", files), "{source}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_agent_leaves_no_container_behind() {
    let market = Market::start().await;
    let mut node = node(&market).await;
    let source = "import os, time\nopen(os.environ['CYX_CHECKPOINT_DIR'] + '/c', 'w').write('kept')\nprint('on', flush=True)\ntime.sleep(600)";
    let id = market.assign(script(&market, source, &[])).await;
    market.until("output", |told| told.output(&id, LogStream::Stdout).contains("on").then_some(())).await;
    market
        .until("the start", |told| told.step_names(&id).contains(&"started".to_owned()).then_some(()))
        .await;
    let task = task_of(&market, &id);
    node.kill().await;
    assert_eq!(containers_of(&task).await, 1, "it outlives a kill");
    node.start();
    let finished = market.finished(&id).await;
    assert_eq!(finished.ending.reason, "node_error");
    assert_eq!(containers_of(&task).await, 0);
    assert_eq!(market.told(|told| told.uploaded("checkpoint", "c")).as_deref(), Some(b"kept".as_slice()));
    assert_eq!(node.stop().await, Some(0));
    assert!(node.attempts().is_empty());
}

/// Root's agent bounds what a script writes: the kernel refuses what is over, and nothing of it stays mounted.
#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_fills_its_disk_takes_no_more_of_the_machines() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: bounded folders need root");
        return;
    }
    let market = Market::start().await;
    let node = node(&market).await;
    let source = r#"
import os
for folder in ("CYX_OUTPUT_DIR", "CYX_CHECKPOINT_DIR"):
    room = os.statvfs(os.environ[folder])
    print(room.f_blocks * room.f_frsize >> 20, flush=True)
block = b"x" * (1 << 20)
for n in range(1024):
    with open(f"{os.environ['CYX_OUTPUT_DIR']}/{n}", "wb") as file: file.write(block)
print("filled")
"#;
    let mut job = script(&market, source, &[]);
    job.spec.get_or_insert_default().requirements.get_or_insert_default().disk_mib = 32;
    let id = market.assign(job).await;
    let finished = market.finished(&id).await;
    let said = market.told(|told| told.output(&id, LogStream::Stdout));
    assert_eq!(finished.ending.reason, "disk", "{} {said}", finished.ending.message);
    // the job's disk, and what a file system of it needs
    for line in said.lines() {
        assert!((32..80).contains(&line.parse::<u64>().expect(line)), "{said}");
    }
    assert_eq!(said.lines().count(), 2, "{said}");
    until_gone(&node).await;
    let home = node.home().display().to_string();
    let engine = std::fs::read_dir("/proc").unwrap().flatten().filter(|entry| {
        std::fs::read_to_string(entry.path().join("comm")).is_ok_and(|name| name.trim() == "dockerd")
    });
    for process in engine.map(|entry| entry.path()).chain([std::path::PathBuf::from("/proc/self")]) {
        let mounts = std::fs::read_to_string(process.join("mountinfo")).unwrap_or_default();
        assert!(!mounts.contains(&home), "a mount is left: {mounts}");
    }
}

/// Waits until no attempt's folder is left.
async fn until_gone(node: &Node) {
    for _ in 0..600 {
        if node.attempts().is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("left behind: {:?}", node.attempts());
}

/// A wheel with one module, stored without compression.
fn wheel() -> Vec<u8> {
    let info = "greeting-1.0.dist-info";
    let files = [
        ("greeting.py".to_owned(), "WORD = 'hello'\n".to_owned()),
        (format!("{info}/METADATA"), "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n".to_owned()),
        (
            format!("{info}/WHEEL"),
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n".to_owned(),
        ),
        (
            format!("{info}/RECORD"),
            format!("greeting.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"),
        ),
    ];
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in &files {
        let mut crc = flate2::Crc::new();
        crc.update(content.as_bytes());
        let at = zip.len() as u32;
        let size = (content.len() as u32).to_le_bytes();
        // version, flags, method, time, date
        let common = [
            &[20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0x50][..],
            &crc.sum().to_le_bytes(),
            &size,
            &size,
            &(name.len() as u16).to_le_bytes(),
            &[0, 0],
        ]
        .concat();
        zip.extend([b"PK\x03\x04", &common[..], name.as_bytes(), content.as_bytes()].concat());
        directory.extend(
            [b"PK\x01\x02\x14\x00", &common[..], &[0; 10], &at.to_le_bytes(), name.as_bytes()].concat(),
        );
    }
    let (at, size, count) = (zip.len() as u32, directory.len() as u32, (files.len() as u16).to_le_bytes());
    let end =
        [b"PK\x05\x06\0\0\0\0", &count[..], &count, &size.to_le_bytes(), &at.to_le_bytes(), &[0, 0]].concat();
    [zip, directory, end].concat()
}
