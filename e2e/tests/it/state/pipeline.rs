//! A loader fills a state, a reader joins a stream with it: on real data and on generated data.

use std::{fs, path::Path, process::Command};

use serde_json::Value;
use vyr_model::Digest;
use vyr_sdk::{
    Client,
    control::{BindMode, TaskStatus},
};

use super::create;
use crate::support::{Node, Submit, ended_well, python, repository, stdout};

async fn put(client: &Client, file: &Path) -> String {
    let bytes = fs::read(file).unwrap();
    let digest = Digest::of(&bytes);
    client.put_blob(digest, bytes.len() as u64, std::io::Cursor::new(bytes)).await.unwrap();
    digest.to_string()
}

/// Loads `table` into a new state, then transforms `events` with it; both are blobs.
async fn join(node: &Node, table: &str, events: &str, args: &[&str]) -> TaskStatus {
    let client = node.client();
    let [load, transform] =
        ["state-load", "event-transform"].map(|name| node.put_with_states(name, &["lookup"]));
    let state = create(&client, "stations").await;
    let loaded = Submit::new(&load).input(table).state("lookup", &state, BindMode::Rw).run(&client).await;
    ended_well(&loaded);
    let reader = Submit::new(&transform).args(args.iter().copied()).input(events);
    let joined = reader.state("lookup", &state, BindMode::Ro).run(&client).await;
    ended_well(&joined);
    joined
}

async fn file(client: &Client, status: &TaskStatus, path: &str) -> String {
    let file = status.files.iter().find(|file| file.path == path).unwrap();
    let bytes = client.get_small_blob(file.digest.parse().unwrap(), 1 << 20).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

fn lines(text: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Prints each window's count, least, greatest and mean of each kind, in order, and last those of the whole file;
/// fractions, not floats, make the mean.
const AGGREGATES: &str = r#"
import collections, fractions, json, sys
windows, all = collections.defaultdict(lambda: collections.defaultdict(list)), collections.defaultdict(list)
for line in open(sys.argv[1], encoding="utf-8"):
    event = json.loads(line)
    size = int(sys.argv[2])
    windows[event["ts"] // size * size][event["kind"]].append(event["value"])
    all[event["kind"]].append(event["value"])
def kinds(of):
    mean = lambda values: float(sum(map(fractions.Fraction, values)) / len(values))
    return [dict(kind=kind, count=len(v), min=min(v), max=max(v), mean=mean(v)) for kind, v in of.items()]
for window in sorted(windows):
    print(json.dumps(dict(window=window, kinds=kinds(windows[window]))))
print(json.dumps(dict(window=None, kinds=kinds(all))))
"#;

/// Compares the aggregates of each kind: all but the mean to the last digit.
#[track_caller]
fn same_aggregates(got: &Value, wanted: &Value) {
    let (got, wanted) = (got.as_array().unwrap(), wanted.as_array().unwrap());
    assert_eq!(got.len(), wanted.len(), "{got:?}");
    for (got, wanted) in got.iter().zip(wanted) {
        for field in ["kind", "count", "min", "max"] {
            assert_eq!(got[field], wanted[field], "{got}, not {wanted}");
        }
        let [got, wanted] = [got, wanted].map(|cell| cell["mean"].as_f64().unwrap());
        assert!((got - wanted).abs() <= 1e-12 * wanted.abs().max(1.0), "{got}, not {wanted}");
    }
}

#[tokio::test]
async fn a_year_of_real_weather_is_joined_with_its_station() {
    let node = Node::start();
    let client = node.client();
    let data = repository("workloads/data");
    let table = put(&client, &data.join("stations.csv")).await;
    let events = put(&client, &data.join("seattle-weather-2015.jsonl")).await;
    let joined = join(&node, &table, &events, &["--window-secs", "604800"]).await;

    let enriched = lines(&stdout(&client, &joined).await);
    let given = lines(&fs::read(data.join("seattle-weather-2015.jsonl")).unwrap());
    assert_eq!(enriched.len(), 1460);
    for (out, given) in enriched.iter().zip(&given) {
        for field in ["id", "ts", "sensor", "kind", "value"] {
            assert_eq!(out[field], given[field], "{given}");
        }
        assert_eq!((&out["enriched"], &out["lookup"]["city"]), (&true.into(), &"Seattle".into()), "{out}");
        let (ts, window) = (out["ts"].as_i64().unwrap(), out["window"].as_i64().unwrap());
        assert!((0..604_800_000).contains(&(ts - window)) && window % 604_800_000 == 0, "{out}");
    }
    // the aggregates, by Python's own arithmetic over the file itself
    let mut reference = Command::new(python());
    reference.arg("-c").arg(AGGREGATES).arg(data.join("seattle-weather-2015.jsonl")).arg("604800000");
    let wanted = reference.output().unwrap();
    assert!(wanted.status.success(), "{}", String::from_utf8_lossy(&wanted.stderr));
    let wanted = lines(&wanted.stdout);
    let windows = lines(file(&client, &joined, "windows.jsonl").await.as_bytes());
    assert_eq!(windows.len(), wanted.len() - 1);
    for (window, wanted) in windows.iter().zip(&wanted) {
        assert_eq!(window["window"], wanted["window"]);
        same_aggregates(&window["kinds"], &wanted["kinds"]);
    }
    let summary: Value = serde_json::from_str(&file(&client, &joined, "summary.json").await).unwrap();
    same_aggregates(&summary["kinds"], &wanted.last().unwrap()["kinds"]);
    assert_eq!(
        (&summary["windows"], &summary["late_events"]),
        (&windows.len().into(), &0.into()),
        "{summary}"
    );
    // the windows together hold what the stream holds
    let counted = |value: &Value| -> u64 {
        fn counts(value: &Value) -> u64 {
            match value {
                Value::Object(map) => match map.get("count") {
                    Some(count) => count.as_u64().unwrap(),
                    None => map.values().map(counts).sum(),
                },
                Value::Array(items) => items.iter().map(counts).sum(),
                _ => 0,
            }
        }
        counts(value)
    };
    assert_eq!(windows.iter().map(counted).sum::<u64>(), 1460);
    for count in ["lines", "events", "enriched"] {
        assert_eq!(summary[count], 1460, "{summary}");
    }
}

#[tokio::test]
async fn a_generated_stream_goes_from_task_to_task_by_digest() {
    let node = Node::start();
    let client = node.client();
    let generate = node.put("generate");
    let options = ["--seed", "7", "--sensors", "50"];
    let table = Submit::new(&generate).args(["--lookup"]).args(options).run(&client).await;
    let stream = Submit::new(&generate).args(options).args(["--bytes", "300000", "--bad-per-mille", "20"]);
    let stream = stream.run(&client).await;
    let digest = |status: &TaskStatus| status.stdout.as_option().unwrap().digest.clone();
    let again = Submit::new(&generate).args(["--lookup"]).args(options).run(&client).await;
    assert_eq!(digest(&again), digest(&table), "the same options give the same bytes");

    let joined = join(&node, &digest(&table), &digest(&stream), &[]).await;
    let given = stdout(&client, &stream).await;
    let enriched = lines(&stdout(&client, &joined).await);
    assert!(enriched.iter().any(|event| event["enriched"] == true));
    let refused = given.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count() - enriched.len();
    assert!(refused > 0, "some events are bad on purpose");
    let summary: Value = serde_json::from_str(&file(&client, &joined, "summary.json").await).unwrap();
    let rejected: u64 = summary["rejected"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(rejected, refused as u64, "{summary}");
}
