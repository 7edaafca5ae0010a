//! The specification leaves nothing out: every field, value and reason of the API stands in docs/api.

use std::{collections::BTreeSet, fs, path::Path};

use prost::Message as _;
use prost_types::FileDescriptorSet;

use crate::support::repository;

const PACKAGE: &str = "vyr.control.v0";
/// Words of capitals in the node's sources that are no reasons: reasons have an underscore.
const NO_REASONS: [&str; 1] = ["CARGO_PKG_VERSION"];

/// Returns the pages that specify the fabric's API; the market's are others.
fn pages() -> Vec<String> {
    ["README.md", "calls.md", "content.md", "guest.md"]
        .map(|name| fs::read_to_string(repository("docs/api").join(name)).unwrap())
        .to_vec()
}

/// Splits into words, as names are made of them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Returns every word that a page sets as code.
fn code_words(pages: &[String]) -> BTreeSet<&str> {
    let spans =
        pages.iter().flat_map(|page| page.lines()).flat_map(|line| line.split('`').skip(1).step_by(2));
    spans.flat_map(words).collect()
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

#[test]
fn every_field_and_value_is_told() {
    let pages = pages();
    let told = code_words(&pages);
    let set = FileDescriptorSet::decode(vyr_proto::DESCRIPTORS).unwrap();
    let (mut missing, mut count) = (Vec::new(), 0);
    for file in set.file.iter().filter(|file| file.package() == PACKAGE) {
        for message in &file.message_type {
            assert!(message.nested_type.is_empty() && message.enum_type.is_empty(), "look into these, too");
            let untold = message.field.iter().filter(|field| !told.contains(field.name()));
            missing.extend(untold.map(|field| format!("{}.{}", message.name(), field.name())));
            count += message.field.len();
        }
        for kind in &file.enum_type {
            let prefix = prefix(kind.name());
            // zero is "absent", of which the conventions tell
            let values = kind.value.iter().filter(|value| value.number() != 0);
            let untold = values.filter(|value| {
                let name = value.name();
                !told.contains(name) && !told.contains(name.strip_prefix(&prefix).unwrap())
            });
            missing.extend(untold.map(|value| value.name().to_owned()));
            count += kind.value.len();
        }
    }
    assert!(count > 100, "{count} fields and values");
    assert_eq!(missing, Vec::<String>::new());
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
