//! A stream as large as a task may write: memory stays what it was.

use std::{fs, path::Path, process::Command};

use serde_json::Value;
use vyr_model::Digest;
use vyr_sdk::{
    Client,
    control::{BindMode, ProtoDuration},
};

use super::create;
use crate::support::{Node, Submit, ended_well};

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

fn generate(to: &Path, args: &[&str]) {
    let generator = std::env::var_os("VYR_GENERATE").expect("start this by `./x test --full`");
    let made = Command::new(generator)
        .args(["--seed", "1", "--sensors", "2000"])
        .args(args)
        .stdout(fs::File::create(to).unwrap())
        .status()
        .unwrap();
    assert!(made.success());
}

async fn put(client: &Client, file: &Path) -> String {
    let bytes = fs::read(file).unwrap();
    let digest = Digest::of(&bytes);
    client.put_blob(digest, bytes.len() as u64, std::io::Cursor::new(bytes)).await.unwrap();
    digest.to_string()
}

#[tokio::test]
async fn a_gibibyte_is_joined_in_constant_memory() {
    let node = Node::start();
    let client = node.client();
    let [table, events] = ["table", "events"].map(|name| node.dir().join(name));
    generate(&table, &["--lookup"]);
    generate(&events, &["--bytes", &GIB.to_string()]);
    let size = fs::metadata(&events).unwrap().len();
    assert!(size >= GIB, "{size}");

    let state = create(&client, "sensors").await;
    let [load, transform] =
        ["state-load", "event-transform"].map(|name| node.put_with_states(name, &["lookup"]));
    let loader = Submit::new(&load).input(&put(&client, &table).await);
    ended_well(&loader.state("lookup", &state, BindMode::Rw).run(&client).await);
    let events = put(&client, &events).await;
    let before = node.memory_peak();
    let reader = Submit::new(&transform).input(&events);
    let reader = reader.state("lookup", &state, BindMode::Ro).limits(|limits| {
        limits.memory_bytes = 32 * MIB;
        limits.stdout_bytes = 4 * GIB;
        limits.cpu_time = ProtoDuration { seconds: 3600, ..Default::default() }.into();
        limits.wall_time = ProtoDuration { seconds: 3600, ..Default::default() }.into();
    });
    let joined = reader.run(&client).await;
    ended_well(&joined);
    assert!(joined.stdout.as_option().unwrap().size > size, "every event leaves with more than it came with");
    let summary = joined.files.iter().find(|file| file.path == "summary.json").unwrap();
    let summary = client.get_small_blob(summary.digest.parse().unwrap(), MIB).await.unwrap();
    let summary: Value = serde_json::from_slice(&summary).unwrap();
    // counted once more, by programs that others wrote
    let count = |command: &str, file: &Path| -> u64 {
        let shell = Command::new("sh").args(["-c", command, "sh"]).arg(file).output().unwrap();
        String::from_utf8_lossy(&shell.stdout).trim().parse().unwrap()
    };
    let digest = joined.stdout.as_option().unwrap().digest.strip_prefix("sha256:").unwrap();
    let output = node.home().join("store/blobs/sha256").join(digest);
    let lines = count("wc -l < \"$1\"", &node.dir().join("events"));
    let events = count("wc -l < \"$1\"", &output);
    let enriched = count("grep -c '\"enriched\":true' \"$1\"", &output);
    assert!(events > 5_000_000 && enriched > events / 2, "{events} lines, {enriched} enriched");
    for (name, counted) in [("lines", lines), ("events", events), ("enriched", enriched)] {
        assert_eq!(summary[name], counted, "{name} of {summary}");
    }
    let rejected = summary["rejected"].as_object().unwrap().values().map(|count| count.as_u64().unwrap());
    assert_eq!(rejected.sum::<u64>(), lines - events, "{summary}");
    let kinds = summary["kinds"].as_array().unwrap().iter().map(|kind| kind["count"].as_u64().unwrap());
    assert_eq!(kinds.sum::<u64>(), events, "{summary}");

    // the guest had its 32 MiB; the node's own share is buffers
    let grown = node.memory_peak().saturating_sub(before);
    assert!(grown < 128 * MIB, "the node grew by {grown} bytes");
    let peak = node.memory_peak();
    assert!(peak < 384 * MIB, "the node held {peak} bytes");
}
