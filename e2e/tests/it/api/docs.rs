//! The specification leaves nothing out: every field, value and reason of the API stands in docs/api.

use std::{collections::BTreeSet, fs, path::Path};

use prost::Message as _;
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};

use crate::support::repository;

const PACKAGE: &str = "vyr.control.v0";
/// Words of capitals in the node's sources that are no reasons: reasons have an underscore.
const NO_REASONS: [&str; 1] = ["CARGO_PKG_VERSION"];

/// Splits into words, as names are made of them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Returns every word that a text sets as code.
fn code_words(text: &str) -> BTreeSet<&str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).flat_map(words).collect()
}

/// `FAILURE_KIND_` for `FailureKind`.
fn prefix(name: &str) -> String {
    let mut prefix = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !prefix.is_empty() {
            prefix.push('_');
        }
        prefix.push(c.to_ascii_uppercase());
    }
    prefix + "_"
}

/// Returns what follows a heading, up to the next one of its level or above.
fn section<'a>(page: &'a str, heading: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&format!("\n{heading}\n"))?;
    let level = heading.bytes().take_while(|byte| *byte == b'#').count();
    let ends = (2..=level).filter_map(|level| rest.find(&format!("\n{} ", "#".repeat(level))));
    Some(&rest[..ends.min().unwrap_or(rest.len())])
}

/// Returns what a text says of one field: the rows of tables that begin with it, and what follows where it
/// stands in bold, up to the next that does.
fn about(text: &str, field: &str) -> String {
    let (mut said, mut inside) = (String::new(), false);
    for line in text.lines() {
        let names_it = |lead: &str| code_words(lead).contains(field);
        if let Some(bold) = line.strip_prefix("**") {
            inside = names_it(bold.split("**").next().unwrap());
        }
        let row = line.strip_prefix("| ").is_some_and(|row| names_it(row.split(" | ").next().unwrap()));
        if inside || row {
            said.extend([line, "\n"]);
        }
    }
    said
}

/// The pages, and the messages that they tell of.
struct Told {
    calls: String,
    readme: String,
    messages: Vec<DescriptorProto>,
}

impl Told {
    fn new(set: &FileDescriptorSet) -> Self {
        let page = |name: &str| fs::read_to_string(repository("docs/api").join(name)).unwrap();
        let files = set.file.iter().filter(|file| file.package() == PACKAGE);
        let messages = files.flat_map(|file| file.message_type.clone()).collect();
        Self { calls: page("calls.md"), readme: page("README.md"), messages }
    }

    /// Returns what tells of a message: its own section, else what the messages that hold it say of that field.
    fn of(&self, message: &str) -> String {
        if message == "ErrorInfo" {
            return section(&self.readme, "## Errors").unwrap().to_owned();
        }
        if let Some(own) = section(&self.calls, &format!("### {message}")) {
            return own.to_owned();
        }
        // an answer begins with one of these and ends where the promises begin
        let split = |call: &str| {
            let all = section(&self.calls, &format!("## {call}")).unwrap();
            let marks = ["\nAnswers ", "Messages have:", "\nEach message has ", " in; "];
            let at = marks.iter().filter_map(|mark| all.find(mark)).min().unwrap();
            let (request, answer) = all.split_at(at);
            let end = ["\n- *", "\n### "].iter().filter_map(|mark| answer.find(mark)).min();
            (request.to_owned(), answer[..end.unwrap_or(answer.len())].to_owned())
        };
        if let Some(call) = message.strip_suffix("Request") {
            return split(call).0;
        }
        if let Some(call) = message.strip_suffix("Response") {
            return split(call).1;
        }
        self.of_type(&format!(".{PACKAGE}.{message}"))
    }

    /// Returns what is said of every field that has this type.
    fn of_type(&self, kind: &str) -> String {
        let holders = self.messages.iter().map(|holder| {
            let fields = holder.field.iter().filter(|field| field.type_name() == kind);
            // a message that is told in one paragraph says it there
            let told = |field: &FieldDescriptorProto| {
                let all = self.of(holder.name());
                Some(about(&all, field.name())).filter(|said| !said.is_empty()).unwrap_or(all)
            };
            fields.map(told).collect::<String>()
        });
        holders.collect()
    }

    /// Returns what tells of an enum's values.
    fn of_enum(&self, name: &str) -> String {
        match name {
            "TaskState" | "FailureKind" => section(&self.calls, "## The life of a task").unwrap().to_owned(),
            // each stands beside the limit that it is about
            "LimitKind" => self.of("Limits"),
            _ => self.of_type(&format!(".{PACKAGE}.{name}")),
        }
    }
}

/// Each field is told where its message is: a word such as `name` stands on every page.
#[test]
fn every_field_and_value_is_told_in_its_place() {
    let set = FileDescriptorSet::decode(vyr_proto::DESCRIPTORS).unwrap();
    let told = Told::new(&set);
    let (mut missing, mut count) = (Vec::new(), 0);
    for message in &told.messages {
        assert!(message.nested_type.is_empty() && message.enum_type.is_empty(), "look into these, too");
        let said = told.of(message.name());
        let said = code_words(&said);
        let untold = message.field.iter().filter(|field| !said.contains(field.name()));
        missing.extend(untold.map(|field| format!("{}.{}", message.name(), field.name())));
        count += message.field.len();
    }
    let files = set.file.iter().filter(|file| file.package() == PACKAGE);
    for kind in files.flat_map(|file| &file.enum_type) {
        let (said, prefix) = (told.of_enum(kind.name()), prefix(kind.name()));
        let said = code_words(&said);
        // zero is "absent", of which the conventions tell
        let values = kind.value.iter().filter(|value| value.number() != 0);
        let untold = values.filter(|value| {
            let name = value.name();
            !said.contains(name) && !said.contains(name.strip_prefix(&prefix).unwrap())
        });
        missing.extend(untold.map(|value| value.name().to_owned()));
        count += kind.value.len();
    }
    assert!(count > 100, "{count} fields and values");
    assert_eq!(missing, Vec::<String>::new());
    // the places are as narrow as they are meant
    for (message, word) in [
        ("EnvGrant", "guest_path"),
        ("StateBinding", "wall_time"),
        ("SubmitTaskRequest", "existing"),
        ("SubmitTaskResponse", "resources"),
        ("CancelTaskRequest", "state"),
        ("Output", "attempts"),
        ("StreamMetricsResponse", "once"),
    ] {
        assert!(!code_words(&told.of(message)).contains(word), "{message}: {}", told.of(message));
    }
}

/// Collects the sources below a folder.
fn sources(folder: &Path, into: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(fs::read_to_string(path).unwrap());
        }
    }
}

/// `QUEUE_FULL` and the like.
fn is_reason(word: &str) -> bool {
    let parts: Vec<_> = word.split('_').collect();
    let capitals = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_uppercase());
    parts.len() > 1 && parts.iter().all(capitals)
}

#[test]
fn every_reason_is_told_and_exists() {
    let mut files = Vec::new();
    sources(&repository("vyr/node/src"), &mut files);
    let literals = files.iter().flat_map(|file| file.split('"').skip(1));
    let in_code: BTreeSet<_> =
        literals.filter(|text| is_reason(text) && !NO_REASONS.contains(text)).collect();
    let page = fs::read_to_string(repository("docs/api/README.md")).unwrap();
    let errors = page.split_once("## Errors").unwrap().1.split_once("### Before the call").unwrap().0;
    let rows = errors.lines().filter(|line| line.starts_with("| `"));
    let first_cells = rows.filter_map(|row| row.split('|').nth(1));
    // the two that are reserved stand below the table
    let reserved = errors.lines().filter(|line| line.contains("are reserved"));
    let in_docs: BTreeSet<_> =
        first_cells.chain(reserved).flat_map(words).filter(|word| is_reason(word)).collect();
    assert!(in_code.len() > 30, "{in_code:?}");
    assert_eq!(in_code, in_docs);
}
