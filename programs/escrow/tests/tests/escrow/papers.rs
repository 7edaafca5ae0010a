//! The security paper names tests: each is there.

use std::collections::BTreeSet;
use std::path::Path;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../..");

/// Where what it names may stand.
const SOURCES: [&str; 6] = [
    "programs/escrow/tests/tests",
    "programs/escrow/policy",
    "programs/escrow/interface",
    "programs/escrow/program/src",
    "cyxwiz/chain/src",
    "cyxwiz/chain/tests/it",
];

/// The names of functions and modules in all files below.
fn names(dir: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            names(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            for word in ["fn ", "mod "] {
                let after = text.split(word).skip(1);
                found.extend(after.map(|rest| {
                    rest.split(|one: char| !one.is_alphanumeric() && one != '_').next().unwrap().to_owned()
                }));
            }
        }
    }
}

/// What stands between backticks and looks like `module::name`, `…name` or `module::name…`.
fn named(paper: &str) -> impl Iterator<Item = &str> {
    let quoted = paper.split('`').skip(1).step_by(2);
    quoted.filter(|text| {
        let fits = |one: char| one.is_ascii_lowercase() || one.is_ascii_digit() || "_:…".contains(one);
        (text.contains("::") || text.starts_with('…')) && text.chars().all(fits)
    })
}

#[test]
fn every_test_that_the_paper_names_is_there() {
    let mut have = BTreeSet::new();
    for source in SOURCES {
        names(&Path::new(ROOT).join(source), &mut have);
    }
    let paper = std::fs::read_to_string(Path::new(ROOT).join("docs/security/escrow.md")).unwrap();
    let mut seen = 0;
    for text in named(&paper) {
        let name = text.rsplit("::").next().unwrap().trim_start_matches('…');
        let there = match name.strip_suffix('…') {
            Some(start) => have.iter().any(|one| one.starts_with(start)),
            None => have.contains(name),
        };
        assert!(there, "`{text}` is nowhere");
        seen += 1;
    }
    assert!(seen > 80, "{seen}");
}
