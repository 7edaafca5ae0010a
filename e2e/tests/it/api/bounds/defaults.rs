//! The defaults that the pages tell are those of the code.

use std::fs;

use serde_json::Value;
use vyr_model::Limits;
use vyr_state::StateOptions;

use crate::support::{Cli, folder, repository};

fn page(path: &str) -> String {
    fs::read_to_string(repository(path)).unwrap()
}

/// Reads an amount at the start of a cell: bytes, seconds, or how many.
fn amount(cell: &str) -> Option<u64> {
    let text = cell.trim_start();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != ',').unwrap_or(text.len());
    let number: u64 = text[..end].replace(',', "").parse().ok()?;
    let unit = text[end..].trim_start().split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or("");
    Some(
        number
            * match unit {
                "KiB" => 1 << 10,
                "MiB" => 1 << 20,
                "GiB" => 1 << 30,
                "h" | "hours" => 3600,
                "min" | "minute" | "minutes" => 60,
                _ => 1,
            },
    )
}

/// Returns the table that follows a text: the cells of each row.
fn table<'a>(page: &'a str, after: &str) -> Vec<Vec<&'a str>> {
    let rest = page.split_once(after).unwrap_or_else(|| panic!("no `{after}`")).1;
    let rows =
        rest.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    rows.skip(2).map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// Reads an amount of JSON: a number, a time, or none.
fn json_amount(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value["secs"].as_u64())
}

fn print_config(flags: &[&str]) -> Value {
    let dir = folder();
    let out = Cli::new(dir.path()).args(["node", "--print-config"]).args(flags).ok();
    serde_json::from_str(&out).unwrap()
}

#[test]
fn a_task_has_the_limits_that_are_told() {
    let (calls, proto) = (page("docs/api/calls.md"), page("proto/vyr/control/v0/task.proto"));
    let (_, message) = proto.split_once("message Limits {").unwrap();
    let (message, _) = message.split_once("\n}").unwrap();
    let code = serde_json::to_value(Limits::default()).unwrap();
    let node = &print_config(&[])["default_limits"];
    let rows = table(&calls, "**`resources.limits`**");
    assert_eq!(rows.len(), code.as_object().unwrap().len(), "each limit has a row");
    for row in rows {
        let (name, told) = (row[0].trim_matches('`'), amount(row[2]));
        assert_eq!(told, json_amount(&code[name]), "{name}: the page, and the code");
        assert_eq!(code[name], node[name], "{name}: the code, and what a node says");
        let (before, _) = message.split_once(&format!(" {name} = ")).unwrap();
        let comment = before.rsplit_once(';').map_or(before, |(_, last)| last);
        // the proto wraps its lines
        let words = comment.split_whitespace().filter(|word| *word != "//").collect::<Vec<_>>().join(" ");
        let said = words.split_once("ode default ").and_then(|(_, said)| amount(said));
        assert_eq!(said, told, "{name}: the proto's comment `{words}`, and the page");
    }
}

#[test]
fn flags_change_the_limits_as_told() {
    let limits = |flags: &[&str]| {
        let limits = &print_config(flags)["default_limits"];
        ["memory_bytes", "wall_time", "cpu_time"].map(|name| json_amount(&limits[name]).unwrap())
    };
    let memory = 256 << 20;
    assert_eq!(limits(&["--default-memory", "1GiB"]), [1 << 30, 300, 300]);
    assert_eq!(limits(&["--default-wall-time", "1h"]), [memory, 3600, 3600], "the longer of the two");
    assert_eq!(limits(&["--default-wall-time", "10s"]), [memory, 10, 300], "the longer of the two");
}

#[test]
fn a_node_has_the_options_that_are_told() {
    let config = print_config(&[]);
    let flags = page("docs/operations.md");
    let flags = table(&flags, "## Flags of `vyr node`");
    for (flag, value) in [
        ("--max-running", &config["max_running"]),
        ("--max-queued", &config["max_queued"]),
        ("--default-memory", &config["default_limits"]["memory_bytes"]),
        ("--default-wall-time", &config["default_limits"]["wall_time"]),
        ("--compile-deadline", &config["compile_deadline"]),
    ] {
        let row = flags.iter().find(|row| row[0].starts_with(&format!("`{flag} "))).unwrap();
        assert_eq!(amount(row[2]), json_amount(value), "{flag}: {row:?}");
    }
    assert_eq!(config["trust"], "require");
    let api = page("docs/api/README.md");
    for row in table(&api, "## Limits") {
        for (flag, value) in
            [("--max-queued", &config["max_queued"]), ("--max-running", &config["max_running"])]
        {
            if let Some((_, told)) = row[1].split_once(&format!("`{flag}`, ")) {
                assert_eq!(amount(told), json_amount(value), "{row:?}");
            }
        }
    }
}

#[test]
fn a_state_has_the_bounds_that_are_told() {
    let calls = page("docs/api/calls.md");
    let options = StateOptions::default();
    let rows = table(&calls, "## CreateState");
    let row = |name: &str| rows.iter().find(|row| row[0] == format!("`{name}`")).unwrap();
    let (quota, ttl) = (row("quota_bytes"), row("ttl"));
    assert_eq!(amount(quota[2]), Some(options.default_quota), "{quota:?}");
    let most = quota[1].split_once(" to ").and_then(|(_, most)| amount(most));
    assert_eq!(most, Some(options.max_total_bytes), "{quota:?}");
    assert_eq!(amount(ttl[2]), Some(options.default_ttl.as_secs()), "{ttl:?}");
    let most = ttl[1].split_once("at most ").and_then(|(_, most)| amount(most));
    assert_eq!(most, Some(options.max_ttl.as_secs()), "{ttl:?}");
    let (_, holds) = calls.split_once("In it: ").unwrap();
    // a comma within a number has no space after it, and the lines are wrapped
    let holds = holds.split_whitespace().collect::<Vec<_>>().join(" ");
    let told: Vec<_> = holds.split(", ").take(3).map(amount).collect();
    let code = [options.max_keys, options.max_key_bytes, options.max_value_bytes];
    assert_eq!(told, code.map(|size| u64::try_from(size).ok()));
    let guest = page("docs/api/guest.md");
    let (_, pages) = guest.split_once("pages of at most ").unwrap();
    assert_eq!(amount(pages), u64::try_from(options.page_keys).ok());
    let api = page("docs/api/README.md");
    let limits = table(&api, "## Limits");
    let states = limits.iter().find(|row| row[0] == "States").unwrap();
    let (count, bytes) = states[1].split_once("; ").unwrap();
    assert_eq!(amount(count), u64::try_from(options.max_states).ok(), "{states:?}");
    assert_eq!(amount(bytes), Some(options.max_total_bytes), "{states:?}");
}
