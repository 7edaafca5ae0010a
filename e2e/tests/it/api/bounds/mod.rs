//! Every range that docs/api gives: its last value is taken, the one after it is refused by the field's name.

mod defaults;
mod others;
mod submit;

use std::fs;

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use buffa::Message as _;
use serde_json::{Value, json};
use vyr_sdk::control::ErrorInfo;

use crate::support::Node;

/// What a value gives.
#[derive(Debug, PartialEq, Eq, Clone)]
enum Answer {
    Taken,
    /// Refused with this reason, about this subject.
    Refused(String, String),
}

/// Refused because the field is out of its range.
fn invalid(field: &str) -> Answer {
    Answer::Refused("FIELD_INVALID".to_owned(), field.to_owned())
}

fn refused(reason: &str, subject: &str) -> Answer {
    Answer::Refused(reason.to_owned(), subject.to_owned())
}

fn ask(node: &Node, call: &str, request: &Value) -> Answer {
    // curl reads it from a file: one argument of a program has 128 KiB at most
    let body = node.dir().join("body");
    fs::write(&body, request.to_string()).unwrap();
    let json = node.curl().header("content-type: application/json");
    let path = format!("/vyr.control.v0.ControlService/{call}");
    let answer = json.arg("--data-binary").arg(format!("@{}", body.display())).get(&path);
    if answer.status == 200 {
        return Answer::Taken;
    }
    let (_, info) = answer.refusal();
    assert!(!info.mend.is_empty(), "{info:?}");
    Answer::Refused(info.reason, info.subject)
}

/// Asks for a stream, which must end by itself.
fn ask_stream(node: &Node, call: &str, request: &Value) -> Answer {
    let (body, json) = (node.dir().join("body"), request.to_string());
    let size = u32::try_from(json.len()).unwrap();
    fs::write(&body, [&[0][..], &size.to_be_bytes(), json.as_bytes()].concat()).unwrap();
    let post = node.curl().header("content-type: application/connect+json");
    let path = format!("/vyr.control.v0.ControlService/{call}");
    let answer = post.arg("--data-binary").arg(format!("@{}", body.display())).get(&path);
    let (mut rest, mut last) = (answer.body.as_slice(), Value::Null);
    while let Some((head, after)) = rest.split_first_chunk::<5>() {
        let size = usize::try_from(u32::from_be_bytes([head[1], head[2], head[3], head[4]])).unwrap();
        last = serde_json::from_slice(&after[..size]).unwrap();
        rest = &after[size..];
    }
    let Some(detail) = last["error"]["details"][0]["value"].as_str() else {
        assert!(last["error"].is_null(), "{last}");
        return Answer::Taken;
    };
    let info = ErrorInfo::decode_from_slice(&STANDARD_NO_PAD.decode(detail).unwrap()).unwrap();
    Answer::Refused(info.reason, info.subject)
}

/// Asserts what each request is answered with; tells of all that differ.
#[track_caller]
fn hold(ask: impl Fn(&Value) -> Answer, cases: impl IntoIterator<Item = (Value, Answer)>) {
    let shown = |request: &Value| {
        let text = request.to_string();
        text.chars().take(200).chain(format!(" ({} bytes)", text.len()).chars()).collect::<String>()
    };
    let mut wrong = Vec::new();
    for (request, wanted) in cases {
        let got = ask(&request);
        if got != wanted {
            wrong.push(format!("{}\n    {got:?}, not {wanted:?}", shown(&request)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns a list of `count` values.
fn list(count: usize, item: impl Fn(usize) -> Value) -> Value {
    (0..count).map(item).collect()
}

/// A digest of the right form that nothing has.
fn nothing() -> String {
    format!("sha256:{}", "0".repeat(64))
}

/// Ids that are almost right; the right form is `PREFIX_` and 32 lowercase hex digits.
fn no_ids(prefix: &str) -> Vec<Value> {
    let id = |digits: String| json!(format!("{prefix}_{digits}"));
    vec![
        json!(""),
        id("0".repeat(31)),
        id("0".repeat(33)),
        id("A".repeat(32)),
        json!(format!("xx_{}", "0".repeat(32))),
        json!("0".repeat(32)),
    ]
}

/// Digests that are almost right.
fn no_digests() -> Vec<Value> {
    let digest = |digits: String| json!(format!("sha256:{digits}"));
    let mut all =
        vec![digest("0".repeat(63)), digest("0".repeat(65)), digest("A".repeat(64)), json!("0".repeat(64))];
    all.push(json!(format!("sha512:{}", "0".repeat(64))));
    all
}

/// Names that are none, by the rule "1 to 128 of `a-z A-Z 0-9 . _ -`".
fn no_names() -> Vec<String> {
    ["", "a b", "a/b", "\u{e9}", "a\n", "a\0"]
        .map(str::to_owned)
        .into_iter()
        .chain(["x".repeat(129)])
        .collect()
}

/// Times at and beyond the 365 days that any may have.
const LONGEST: [&str; 2] = ["31536000s", "31536000.000000001s"];
