//! Conformance to WASI through `vyr run`, each case one process, embedded and by a node. The cases stand in
//! `e2e/conformance`, in the form of the public wasi-testsuite: a program, and beside it a JSON file with `args`,
//! `env`, `dirs`, `root`, `stdin`, `stdout`, `stderr` and `exit_code`, or the same as `operations`. Where one program
//! serves several cases, `guest` names it. `WASI_TESTSUITE=DIR` runs that suite's own folder of cases as well;
//! `WASI_TESTSUITE_SKIP=a,b` leaves some out.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::run::MODES;
use crate::support::{Node, guest, repository};

/// One program, and what it is to do.
struct Case {
    name: String,
    program: PathBuf,
    spec: Value,
    /// The folder with the case's own folders.
    folder: PathBuf,
}

impl Case {
    /// Runs it; says what was not as specified.
    fn run(&self, node: &Node, mode: &[&str], scratch: &Path) -> Result<(), String> {
        let mut cli = node.cli().arg("run").args(mode);
        for (name, value) in self.spec["env"].as_object().into_iter().flatten() {
            cli = cli.arg("--env").arg(format!("{name}={}", value.as_str().unwrap()));
        }
        // `root` is a folder that the guest sees as its root
        let root = self.spec["root"].as_str().map(|name| (name, "/"));
        for (name, guest_path) in list(&self.spec["dirs"]).map(|name| (name, name)).chain(root) {
            let copy = scratch.join(name);
            copy_folder(&self.folder.join(name), &copy).unwrap();
            cli = cli.arg("--dir").arg(format!("{}::{guest_path}", copy.display()));
        }
        let stdin = self.spec["stdin"].as_str().unwrap_or_default();
        let cli = cli.arg(&self.program).arg("--").args(list(&self.spec["args"]));
        let said = cli.env("CALLER", "unseen").stdin(stdin.as_bytes()).run();
        let code = self.spec["exit_code"].as_i64().unwrap_or(0);
        let arg0 = self.program.file_stem().unwrap().to_str().unwrap();
        let differs = |name: &str, got: &[u8]| {
            let wanted = self.spec[name].as_str()?.replace("{arg0}", arg0);
            (got != wanted.as_bytes())
                .then(|| format!("{name}: {:?}, not {wanted:?}", String::from_utf8_lossy(got)))
        };
        let wrong = [
            (said.code.map(i64::from) != Some(code))
                .then(|| format!("exit code {:?}, not {code}; stderr: {}", said.code, said.err())),
            differs("stdout", &said.stdout),
            differs("stderr", &said.stderr),
        ];
        let wrong: Vec<String> = wrong.into_iter().flatten().collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
    }
}

fn list(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap())
}

/// Turns a list of operations into the flat form; `None` where it wants more than one process has.
fn flat(spec: Value) -> Option<Value> {
    let Some(operations) = spec["operations"].as_array() else { return Some(spec) };
    let mut flat = json!({});
    for operation in operations {
        let text = |key: &str| operation[key].as_str().unwrap_or_default();
        match (text("type"), text("id")) {
            ("run", _) => {
                for key in ["args", "env", "dirs", "root"] {
                    flat[key] = operation[key].clone();
                }
            }
            ("write", "stdin") => flat["stdin"] = text("payload").into(),
            ("read", stream @ ("stdout" | "stderr")) => flat[stream] = text("payload").into(),
            ("wait", _) => flat["exit_code"] = operation["exit_code"].clone(),
            _ => return None,
        }
    }
    Some(flat)
}

fn read(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    found.sort();
    found
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}

/// Our own cases: of hand-written modules, and of guests, as component and as core module where both are built.
fn ours(modules: &Path) -> Vec<Case> {
    let folder = repository("e2e/conformance");
    let case = |json: &Path| {
        let (spec, name) = (read(json), stem(json));
        let programs: Vec<PathBuf> = match spec["guest"].as_str() {
            None => {
                let program = modules.join(format!("{name}.wasm"));
                fs::write(&program, wat::parse_file(json.with_extension("wat")).unwrap()).unwrap();
                vec![program]
            }
            Some(guest_name) => {
                let program = guest(guest_name);
                let module = program.with_file_name(format!("{guest_name}.p1.wasm"));
                [Some(program), module.is_file().then_some(module)].into_iter().flatten().collect()
            }
        };
        let case = |program| {
            let (spec, folder) = (spec.clone(), folder.clone());
            Case { name: name.clone(), program, spec, folder }
        };
        programs.into_iter().map(case).collect::<Vec<_>>()
    };
    files(&folder, "json").iter().flat_map(|json| case(json)).collect()
}

/// The cases of a built wasi-testsuite folder, such as `tests/rust/testsuite/wasm32-wasip1`.
fn suite(folder: &Path) -> Vec<Case> {
    let skip = env::var("WASI_TESTSUITE_SKIP").unwrap_or_default();
    let case = |program: PathBuf| {
        let name = stem(&program);
        let json = program.with_extension("json");
        let spec = flat(if json.is_file() { read(&json) } else { json!({}) });
        let skipped = spec.is_none() || skip.split(',').any(|other| other == name);
        if skipped {
            eprintln!("left out: {name}");
        }
        spec.filter(|_| !skipped).map(|spec| Case { name, program, spec, folder: folder.to_owned() })
    };
    files(folder, "wasm").into_iter().filter_map(case).collect()
}

/// Copies a folder, so that no case sees what another one left.
fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to)?
        } else {
            fs::copy(entry.path(), to).map(drop)?
        }
    }
    Ok(())
}

#[track_caller]
fn all_pass(cases: &[Case]) {
    let node = Node::start();
    let mut failed = Vec::new();
    for case in cases {
        for mode in MODES {
            let scratch = crate::support::folder();
            if let Err(why) = case.run(&node, mode, scratch.path()) {
                let program = case.program.file_name().unwrap().display();
                failed.push(format!("{} ({program}) {mode:?}: {why}", case.name));
            }
        }
    }
    let runs = cases.len() * MODES.len();
    eprintln!("{} of {runs} runs as specified", runs - failed.len());
    assert!(runs > 0 && failed.is_empty(), "{} of {runs} runs differ:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn our_cases_pass() {
    let modules = crate::support::folder();
    all_pass(&ours(modules.path()));
}

#[test]
fn the_public_suite_passes_where_it_is_given() {
    match env::var_os("WASI_TESTSUITE") {
        Some(folder) => all_pass(&suite(Path::new(&folder))),
        None => eprintln!("left out: WASI_TESTSUITE names no folder"),
    }
}

#[test]
fn operations_say_what_the_flat_form_says() {
    let spec = json!({ "operations": [
        { "type": "run", "args": ["a"], "env": { "K": "v" } },
        { "type": "write", "id": "stdin", "payload": "in" },
        { "type": "read", "id": "stdout", "payload": "out" },
        { "type": "wait", "exit_code": 3 },
    ]});
    let flat_form = flat(spec).unwrap();
    assert_eq!(flat_form["args"], json!(["a"]));
    assert_eq!((&flat_form["stdin"], &flat_form["stdout"]), (&json!("in"), &json!("out")));
    assert_eq!(flat_form["exit_code"], 3);
    assert!(flat(json!({ "operations": [{ "type": "connect" }] })).is_none());
}
