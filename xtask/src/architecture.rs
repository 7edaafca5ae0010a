//! Which crate may use which: two layers, one direction. The test reads `cargo metadata`, so it cannot go stale.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde_json::Value;

/// What each crate of the fabric may use of the others. A crate that is not here is to be thought about first.
const ALLOWED: [(&str, &[&str]); 10] = [
    ("vyr-model", &[]),
    ("vyr-proto", &[]),
    ("vyr-state", &["vyr-model"]),
    ("vyr-store", &["vyr-model"]),
    ("vyr-telemetry", &["vyr-model", "vyr-proto"]),
    ("vyr-sdk", &["vyr-model", "vyr-proto"]),
    ("vyr-runtime", &["vyr-model", "vyr-state"]),
    ("vyr-node", &["vyr-model", "vyr-proto", "vyr-runtime", "vyr-state", "vyr-store", "vyr-telemetry"]),
    // the fuzzer's targets: at the edge, nobody uses them
    ("vyr-fuzz", &["vyr-model", "vyr-proto", "vyr-store", "vyr-telemetry"]),
    ("vyr-cli", &["vyr-model", "vyr-node", "vyr-runtime", "vyr-sdk", "vyr-store", "vyr-telemetry"]),
];

/// Crates at the edge of the tree, which nobody uses.
const EDGE: [&str; 3] = ["bench", "e2e", "xtask"];

/// But that measurements have the stories' cast.
const CAST: (&str, &str) = ("bench", "e2e");

/// Names that say nothing, and so take in everything.
const SAYS_NOTHING: [&str; 6] = ["common", "core", "utils", "helpers", "types", "misc"];

/// One crate of the workspace.
struct Member {
    /// Its folder below the root, such as `vyr/store`.
    folder: String,
    /// The workspace's crates that it uses, in tests and builds too.
    uses: BTreeSet<String>,
}

/// Reads the members of the workspace and their edges.
fn members(metadata: &Value) -> BTreeMap<String, Member> {
    let root = Path::new(metadata["workspace_root"].as_str().unwrap());
    let packages = metadata["packages"].as_array().unwrap();
    let member = |package: &Value| {
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        let folder = manifest.parent().unwrap().strip_prefix(root).unwrap().display().to_string();
        let dependencies = package["dependencies"].as_array().unwrap();
        // what has a path is ours
        let ours = dependencies.iter().filter(|dependency| dependency["path"].is_string());
        let uses = ours.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect();
        (package["name"].as_str().unwrap().to_owned(), Member { folder, uses })
    };
    packages.iter().map(member).collect()
}

/// Says what is wrong with the edges; nothing where all is well.
fn violations(members: &BTreeMap<String, Member>) -> Vec<String> {
    let allowed = BTreeMap::from(ALLOWED);
    let mut found = Vec::new();
    for (name, Member { folder, uses }) in members {
        if name.split('-').any(|part| SAYS_NOTHING.contains(&part)) {
            found.push(format!("`{name}` says nothing about what it holds: name it after its work"));
        }
        let layered = ["vyr/", "cyxwiz/"].iter().any(|layer| folder.starts_with(layer));
        if layered && *name != folder.replace('/', "-") {
            found.push(format!("`{folder}` holds `{name}`: name the crate after its folder"));
        }
        if folder.starts_with("vyr/") {
            match allowed.get(name.as_str()) {
                None => found.push(format!("`{name}` is not in the table: say what it may use")),
                Some(may) => {
                    let wrong = uses.iter().filter(|used| !may.contains(&used.as_str()) && *used != name);
                    found.extend(
                        wrong.map(|used| format!("`{name}` uses `{used}`: the table has no such edge")),
                    );
                }
            }
        }
        let edge = uses.iter().filter(|used| {
            members
                .get(*used)
                .is_some_and(|of| EDGE.contains(&&*of.folder) && (&**folder, &*of.folder) != CAST)
        });
        found.extend(edge.map(|used| format!("`{name}` uses `{used}`, which nobody may use")));
    }
    found
}

#[test]
fn crates_use_each_other_in_one_direction() {
    // of the run, not of the build: a build may serve several checkouts
    let [cargo, folder] = ["CARGO", "CARGO_MANIFEST_DIR"].map(|name| std::env::var(name).unwrap());
    let mut cargo = std::process::Command::new(cargo);
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(folder);
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let members = members(&serde_json::from_slice(&output.stdout).unwrap());
    for (name, _) in ALLOWED {
        assert!(members.contains_key(name), "the table names `{name}`, which is gone");
    }
    assert_eq!(violations(&members), Vec::<String>::new());
}

#[test]
fn a_wrong_edge_is_found() {
    let member = |folder: &str, uses: &[&str]| {
        let uses = uses.iter().map(|used| (*used).to_owned()).collect();
        Member { folder: folder.to_owned(), uses }
    };
    let tree = |name: &str, added: Member| {
        BTreeMap::from([
            ("vyr-model".to_owned(), member("vyr/model", &[])),
            ("cyxwiz-model".to_owned(), member("cyxwiz/model", &["vyr-model"])),
            ("e2e".to_owned(), member("e2e", &["vyr-model"])),
            (name.to_owned(), added),
        ])
    };
    assert!(violations(&tree("vyr-state", member("vyr/state", &["vyr-model"]))).is_empty());
    for (name, wrong) in [
        ("vyr-model", member("vyr/model", &["vyr-proto"])),
        ("vyr-node", member("vyr/node", &["cyxwiz-model"])),
        ("vyr-sdk", member("vyr/sdk", &["vyr-node"])),
        ("vyr-new", member("vyr/new", &[])),
        ("vyr-common", member("vyr/common", &[])),
        ("vyr-state", member("vyr/ephemeral", &[])),
        ("cyxwiz-server", member("cyxwiz/server", &["e2e"])),
    ] {
        assert!(!violations(&tree(name, wrong)).is_empty(), "{name}");
    }
}
