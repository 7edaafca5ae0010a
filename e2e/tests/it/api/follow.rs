//! The two streams as SSE and NDJSON, by curl.

use serde_json::Value;

use crate::support::{Answer, Node, Submit};

/// Reads an answer as NDJSON, or as SSE: the JSON values in order.
fn messages(answer: &Answer) -> Vec<Value> {
    let text = answer.text();
    let values: Vec<&str> = match answer.header("content-type") {
        "application/x-ndjson" => text.lines().collect(),
        "text/event-stream" => {
            assert!(text.ends_with("\n\n"), "an event ends with an empty line");
            text.split_terminator("\n\n")
                .filter(|event| !event.starts_with(':'))
                .map(|event| event.strip_prefix("data: ").unwrap())
                .collect()
        }
        other => panic!("content type `{other}`"),
    };
    values.into_iter().map(|value| serde_json::from_str(value).unwrap()).collect()
}

fn span_names(messages: &[Value]) -> Vec<String> {
    let data = messages.iter().filter_map(|message| message.get("tracesData"));
    let resources = data.flat_map(|data| data["resourceSpans"].as_array().unwrap());
    let scopes = resources.flat_map(|resource| resource["scopeSpans"].as_array().unwrap());
    let spans = scopes.flat_map(|scope| scope["spans"].as_array().unwrap());
    spans.map(|span| span["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn traces_come_as_ndjson_and_sse() {
    let node = Node::start();
    let noop = node.put("noop");
    let task = Submit::new(&noop).send(&node.client()).await;
    for accept in ["application/x-ndjson", "text/event-stream"] {
        // follows by itself to the task's end, then the stream ends
        let path = format!("/traces?task={task}&follow=true");
        let answer = node.curl().header(&format!("accept: {accept}")).get(&path);
        assert_eq!((answer.status, answer.header("content-type")), (200, accept), "{}", answer.text());
        let messages = messages(&answer);
        let last = messages.iter().flat_map(|message| message["tasks"].as_array().unwrap()).last().unwrap();
        assert_eq!(
            (last["taskId"].as_str(), last["state"].as_str()),
            (Some(&*task), Some("TASK_STATE_SUCCEEDED"))
        );
        assert!(messages.iter().any(|message| message["historyComplete"] == true));
        let names = span_names(&messages);
        for edge in ["vyr.task", "vyr.accept", "vyr.execute", "vyr.terminal"] {
            assert_eq!(names.iter().filter(|name| *name == edge).count(), 1, "{edge} in {names:?}");
        }
        let without = node.curl().get(&format!("{path}&no_spans=true"));
        assert!(span_names(&self::messages(&without)).is_empty());
    }
    let (code, info) = node.curl().get("/traces?task=tsk_00000000000000000000000000000009").refusal();
    assert_eq!((code.as_str(), info.reason.as_str()), ("not_found", "TASK_NOT_FOUND"));
    let (code, _) = node.curl().get("/traces?no_history=true").refusal();
    assert_eq!(code, "invalid_argument");
}

#[test]
fn metrics_come_as_ndjson_and_sse() {
    let node = Node::start();
    for accept in ["application/x-ndjson", "text/event-stream"] {
        let answer = node.curl().header(&format!("accept: {accept}")).get("/metrics?once=true");
        assert_eq!((answer.status, answer.header("content-type")), (200, accept));
        let [message] = messages(&answer).try_into().unwrap();
        let metrics = message["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap();
        let names: Vec<_> = metrics.iter().map(|metric| metric["name"].as_str().unwrap()).collect();
        for name in ["vyr.queue.depth", "vyr.tasks.running", "vyr.states", "vyr.trace.coverage"] {
            assert!(names.contains(&name), "{name} in {names:?}");
        }
    }
    let one = node.curl().get("/metrics?once=true&prefix=vyr.states.b");
    let [message] = messages(&one).try_into().unwrap();
    let metrics = message["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap();
    let names: Vec<_> = metrics.iter().map(|metric| metric["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    let (code, info) = node.curl().get("/metrics?interval_ms=5").refusal();
    assert_eq!((code.as_str(), info.subject.as_str()), ("invalid_argument", "interval"));
}

/// A reader that is there first sees each state once, in the order of the lifecycle.
#[tokio::test]
async fn a_live_reader_sees_the_whole_life() {
    use vyr_sdk::control::{StreamTracesRequest, TaskState};
    let node = Node::start();
    let client = node.client();
    let noop = node.put("noop");
    let request = StreamTracesRequest { follow: true, no_history: true, ..Default::default() };
    let mut stream = client.stream_traces(request).await.unwrap();
    let task = Submit::new(&noop).send(&client).await;
    let mut seen = Vec::new();
    while !seen.contains(&TaskState::Succeeded) {
        let message = stream.next().await.unwrap().unwrap();
        let mine = message.tasks.iter().filter(|status| status.task_id == task);
        seen.extend(mine.map(|status| status.state.as_known().unwrap()));
    }
    let life = [TaskState::Queued, TaskState::Starting, TaskState::Running, TaskState::Succeeded];
    assert_eq!(seen, life);
}

/// Whoever asks at any moment hears of an end only with everything that belongs to it.
#[tokio::test]
async fn an_end_is_told_with_its_outputs() {
    let node = Node::with(["--max-running", "16"]);
    let client = node.client();
    let speaks = Submit::new(&node.put("args-env"));
    for _ in 0..20 {
        let runs = (0..16).map(|_| speaks.run(&client));
        for status in futures::future::join_all(runs).await {
            crate::support::ended_well(&status);
            assert!(status.stdout.is_set(), "{}", crate::support::shown(&status));
        }
    }
}

/// A history that is read while tasks end leaves none of them out, and tells none twice.
#[tokio::test]
async fn a_history_holds_every_task_that_was_acknowledged_before() {
    use std::collections::HashSet;
    use vyr_sdk::control::StreamTracesRequest;
    let node = Node::with(["--max-running", "8"]);
    let client = node.client();
    let noop = Submit::new(&node.put("noop"));
    let mut acknowledged = HashSet::new();
    for _ in 0..20 {
        acknowledged.extend(futures::future::join_all((0..100).map(|_| noop.send(&client))).await);
        let request = StreamTracesRequest { no_spans: true, ..Default::default() };
        let mut stream = client.stream_traces(request).await.unwrap();
        let mut shown = HashSet::new();
        while let Some(message) = stream.next().await.unwrap() {
            for task in message.tasks {
                assert!(shown.insert(task.task_id.clone()), "told twice: {}", crate::support::shown(&task));
            }
        }
        let missing: Vec<_> = acknowledged.difference(&shown).collect();
        assert!(missing.is_empty(), "of {} are missing: {missing:?}", acknowledged.len());
    }
}

#[tokio::test]
async fn the_query_filters_as_the_call_does() {
    let node = Node::start();
    let (noop, trap) = (node.put("noop"), node.put("trap"));
    let client = node.client();
    let good = Submit::new(&noop).run(&client).await;
    let bad = Submit::new(&trap).run(&client).await;
    let listed = |query: &str| -> Vec<String> {
        let answer = node.curl().get(&format!("/traces?no_spans=true&{query}"));
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        let messages = messages(&answer);
        let tasks = messages.iter().flat_map(|message| message["tasks"].as_array().unwrap());
        tasks.map(|task| task["taskId"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(listed("states=failed,lost"), [&*bad.task_id]);
    assert_eq!(listed("states=TASK_STATE_SUCCEEDED"), [&*good.task_id]);
    let accepted = serde_json::to_value(&bad).unwrap()["acceptTime"].as_str().unwrap().to_owned();
    assert_eq!(listed(&format!("since={accepted}")), [&*bad.task_id]);
    assert_eq!(listed(&format!("until={accepted}")), [&*good.task_id]);
    for query in ["states=ended", "since=yesterday", "until=7"] {
        let (code, info) = node.curl().get(&format!("/traces?{query}")).refusal();
        assert_eq!((code.as_str(), info.subject.as_str()), ("invalid_argument", "query"), "{query}");
    }
}
