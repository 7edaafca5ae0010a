//! A job's trace at a collector that nobody here wrote: from the buyer's call through server, node and VYR task to the
//! payment.

use std::collections::{BTreeSet, HashMap};
use std::fs;

use e2e::market::{Platform, Seller, jobs};

use super::wasm::DRAW;
use crate::otlp::collector::{Collector, Protocol};
use crate::support::until_some;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// A span, as the collector says that it received it.
#[derive(Clone, Debug, Default)]
struct Span {
    service: String,
    trace: String,
    parent: String,
    id: String,
    name: String,
    failed: bool,
    attributes: HashMap<String, String>,
}

/// Reads what the collector said.
fn spans(said: &str) -> Vec<Span> {
    let (mut service, mut found) = (String::new(), Vec::<Span>::new());
    for line in said.lines() {
        let line = line.trim();
        if line.starts_with("ResourceSpans #") {
            service.clear();
        }
        if let Some(name) = line.strip_prefix("-> service.name: Str(") {
            name.trim_end_matches(')').clone_into(&mut service);
        }
        if line.starts_with("Span #") {
            found.push(Span { service: service.clone(), ..Span::default() });
        }
        let Some(span) = found.last_mut() else { continue };
        let pair = line.split_once(':').map(|(key, value)| (key.trim(), value.trim().to_owned()));
        match pair {
            Some(("Trace ID", id)) => span.trace = id,
            Some(("Parent ID", id)) => span.parent = id,
            Some(("ID", id)) => span.id = id,
            Some(("Name", name)) => span.name = name,
            Some(("Status code", code)) => span.failed = code.ends_with("ERROR"),
            Some((key, value)) => {
                if let Some(key) = key.strip_prefix("-> ") {
                    span.attributes.insert(key.to_owned(), value);
                }
            }
            None => {}
        }
    }
    found
}

/// The spans of a trace, once the job's own is there and the parent of every one is known, but for the caller's.
fn whole(collector: &Collector, trace: &str, caller: &str) -> Vec<Span> {
    until_some(&format!("the whole trace {trace} at {}", collector.log().display()), || {
        let mut all = spans(&collector.said());
        all.retain(|span| span.trace == trace);
        let ids: BTreeSet<&str> = all.iter().map(|span| span.id.as_str()).collect();
        let hangs = |span: &Span| span.parent == caller || ids.contains(span.parent.as_str());
        let has = |name: &str| all.iter().any(|span| span.name == name);
        let ended = ["cyxwiz.job", "cyxwiz.payment.settle", "cyxwiz.upload", "vyr.task"].into_iter().all(has);
        (ended && all.iter().all(hangs)).then(|| all.clone())
    })
}

fn one<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let named: Vec<&Span> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(named.len(), 1, "{name}: {spans:#?}");
    named[0]
}

/// What holds of every paid job.
fn tells_the_whole_way(spans: &[Span], signature: &str) {
    let ids: BTreeSet<&str> = spans.iter().map(|span| span.id.as_str()).collect();
    assert_eq!(ids.len(), spans.len(), "an id twice: {spans:#?}");
    let services: BTreeSet<&str> = spans.iter().map(|span| span.service.as_str()).collect();
    assert_eq!(services, BTreeSet::from(["cyxwiz-node", "cyxwiz-server", "vyr-node"]));
    // the call ► the job ► the attempt that ran ► the agent's run ► the task
    let (task, run) = (one(spans, "vyr.task"), one(spans, "cyxwiz.run"));
    let attempt = spans.iter().find(|span| span.id == run.parent).unwrap();
    let (job, call) = (one(spans, "cyxwiz.job"), one(spans, "JobService/CreateJob"));
    assert_eq!((&task.parent, attempt.name.as_str()), (&run.id, "cyxwiz.attempt"));
    assert_eq!((&attempt.parent, &job.parent), (&job.id, &call.id));
    assert!([task, run, attempt, job, call].iter().all(|span| !span.failed), "{spans:#?}");
    let (prepare, upload) = (one(spans, "cyxwiz.prepare"), one(spans, "cyxwiz.upload"));
    assert_eq!((&prepare.parent, &upload.parent), (&attempt.id, &attempt.id));
    assert_eq!(one(spans, "cyxwiz.prepare.files").parent, prepare.id);
    assert_eq!(one(spans, "cyxwiz.verify").parent, job.id);
    // the node's calls are the server's spans
    let below =
        |parent: &str, name: &str| spans.iter().any(|span| span.parent == parent && span.name == name);
    assert!(below(&attempt.id, "NodeService/ReportAttempt") && below(&attempt.id, "NodeService/PushLogs"));
    assert!(below(&upload.id, "files") && below(&one(spans, "cyxwiz.prepare.files").id, "files"));
    let settle = one(spans, "cyxwiz.payment.settle");
    assert_eq!(settle.parent, job.id);
    assert_eq!(settle.attributes["cyxwiz.payment.signature"], format!("Str({signature})"));
    assert_eq!(job.attributes["cyxwiz.job.state"], "Str(completed)");
    assert_eq!(attempt.attributes["cyxwiz.ending.reason"], "Str(succeeded)");
}

#[test]
fn a_paid_job_is_one_trace_through_server_node_and_task() {
    let mut collector = Collector::new();
    collector.start();
    let flag = format!("--otlp-endpoint=http://127.0.0.1:{}", collector.port(Protocol::Http));
    let platform = Platform::with([flag.as_str()]);
    let mut seller = Seller::install(&platform, "seller", &platform.folder("homes").join("seller"), &[]);
    seller.flags.push(flag);
    let _seller = seller.ready();
    let buyer = platform.buyer();
    buyer.ok(&["wallet", "deposit", "5", "USDC"]);

    // a container, whose trace begins with the buyer's call
    let folder = jobs::script(&platform, "sum", jobs::SUM);
    let job = buyer.submit(&folder, &["--image", "python"]);
    let done = buyer.reaches(&job, &["completed"]);
    let told = whole(&collector, done["attempts"][0]["trace_id"].as_str().unwrap(), "");
    tells_the_whole_way(&told, done["close_signature"].as_str().unwrap());
    assert_eq!(one(&told, "JobService/CreateJob").parent, "");
    assert_eq!(one(&told, "cyxwiz.prepare.image").parent, one(&told, "cyxwiz.prepare").id);

    // a program, in the trace of whatever runs the buyer's command
    let program = platform.folder("wasm").join("draw.wasm");
    fs::write(&program, wat::parse_str(DRAW).unwrap()).unwrap();
    let args = ["submit", program.to_str().unwrap(), "--yes", "--detach", "--disk", "1", "-o", "json"];
    let mut command = buyer.command();
    command.args(args).args(["--gpu-type", "cpu", "--max-price", "0.10", "--timeout", "60"]);
    let output = command.env("TRACEPARENT", format!("00-{TRACE}-{CALLER}-01")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let done = buyer.reaches(said["job"].as_str().unwrap(), &["completed"]);
    assert_eq!(done["attempts"][0]["trace_id"], TRACE);
    let told = whole(&collector, TRACE, CALLER);
    tells_the_whole_way(&told, done["close_signature"].as_str().unwrap());
    assert_eq!(one(&told, "JobService/CreateJob").parent, CALLER);
    assert!(told.iter().any(|span| span.name == "JobService/QueueJob" && span.parent == CALLER));
}
