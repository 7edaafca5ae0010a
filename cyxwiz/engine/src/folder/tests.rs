use std::fs;
use std::path::Path;

use cyxwiz_model::{Coin, HourlyPrice, Span};
use tempfile::TempDir;

use super::*;

fn job(files: &[(&str, &str)]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (path, text) in files {
        let path = dir.path().join("job").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn flags(args: &[&str]) -> Flags {
    #[derive(clap::Parser)]
    struct Only {
        #[command(flatten)]
        flags: Flags,
    }
    let args = std::iter::once("x").chain(args.iter().copied());
    <Only as clap::Parser>::try_parse_from(args).unwrap().flags
}

fn read_job(dir: &TempDir, args: &[&str]) -> Result<JobFolder, JobError> {
    read(&dir.path().join("job"), &flags(args))
}

const SCRIPT: (&str, &str) = ("training_script.py", "print(1)\n");
const DATA: (&str, &str) = ("data/train.csv", "");

/// What is said, with its causes, without the folder of this run.
fn say(files: &[(&str, &str)], args: &[&str]) -> String {
    let dir = job(files);
    line(&read_job(&dir, args).unwrap_err(), dir.path())
}

fn line(error: &JobError, dir: &Path) -> String {
    let text = error.to_string().replace(&dir.display().to_string(), ".");
    assert_eq!(text.lines().count(), 1, "{text}");
    match std::error::Error::source(error) {
        Some(cause) => format!("{text} | {cause}"),
        None => text,
    }
}

#[test]
fn the_jobs_of_the_design_are_read() {
    let settings = r#"{"gpu_type": "rtx4090", "min_vram": 8, "max_price": 1.00, "timeout": 7200}"#;
    let dir = job(&[SCRIPT, DATA, ("requirements.txt", "numpy\n"), ("config.json", settings)]);
    let found = read_job(&dir, &[]).unwrap();
    assert_eq!(found.spec.name, "job");
    assert_eq!(found.spec.requirements.gpu.to_string(), "rtx4090");
    assert_eq!(found.spec.requirements.min_vram_mib, 7629);
    assert_eq!((found.spec.max_price, found.spec.timeout), (HourlyPrice(1_000_000), Span::seconds(7200)));
    assert!(
        matches!(&found.spec.workload, cyxwiz_model::Workload::Script(script) if script.install_requirements)
    );
    let paths: Vec<_> = found.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["config.json", "data/train.csv", "requirements.txt", "training_script.py"]);

    let found = read_job(&dir, &["--gpu-type", "cpu", "--min-vram", "0", "--timeout", "60", "--coin", "SOL"])
        .unwrap();
    assert_eq!(found.spec.requirements.gpu.to_string(), "cpu");
    assert_eq!((found.spec.timeout, found.spec.coin), (Span::seconds(60), Coin::Sol));
}

#[test]
fn cyxwiz_yml_says_the_same_and_more() {
    let text = "name: my job\nentry: run/train.py\ngpu_type: cpu\nmax_price: 0.05\ntimeout: 30\nargs: [--epochs, 3]\n\
        image: python\nenv: {SEED: 7, MODE: fast}\noutputs: [model.pt]\ncpus: 0.5\nno_data: true\nlimit: 2\n\
        data_urls:\n  - url: https://x.example/a\n    path: a.bin\n    size: 5\n    \
        sha256: 0000000000000000000000000000000000000000000000000000000000000000\n";
    // beside it config.json is the script's own
    let dir = job(&[("run/train.py", ""), ("cyxwiz.yml", text), ("config.json", "[1, 2]")]);
    let found = read_job(&dir, &["--env", "MODE=slow=1", "--", "--epochs", "4"]).unwrap();
    assert_eq!(found.spec.name, "my job");
    assert_eq!((found.spec.max_price, found.spec.requirements.cpu_milli), (HourlyPrice(50_000), 500));
    let env: Vec<_> = found.spec.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(env, ["MODE=slow=1", "SEED=7"]);
    let cyxwiz_model::Workload::Script(script) = &found.spec.workload else { panic!() };
    assert_eq!((script.args.join(" ").as_str(), script.image.as_str()), ("--epochs 4", "python"));
    assert_eq!(found.budget.limit, Some(cyxwiz_model::Money::new(Coin::Usdc, 2_000_000)));
    assert_eq!(found.spec.data_urls.len(), 1);
}

#[test]
fn what_is_sold_as_gigabytes_is_there() {
    // an RTX 4090 has 24 GB: its driver says 24,564 MiB
    let dir = job(&[SCRIPT, DATA]);
    assert_eq!(read_job(&dir, &["--min-vram", "24"]).unwrap().spec.requirements.min_vram_mib, 22_888);
    let memory = |text: &str| read_job(&dir, &["--memory", text]).unwrap().spec.requirements.memory_mib;
    assert_eq!([memory("4"), memory("4GB"), memory("0.5 GiB"), memory("256MiB")], [3814, 3814, 512, 256]);
}

#[test]
fn a_script_or_a_program_alone_is_a_job() {
    let dir = job(&[("train.py", ""), ("prog.wasm", "\0asm\u{1}"), ("secret", "")]);
    let one = |name: &str| read(&dir.path().join("job").join(name), &flags(&["--", "a"])).unwrap();
    assert_eq!(one("train.py").files.len(), 1);
    let found = one("prog.wasm");
    assert_eq!((found.spec.name.as_str(), found.files.len()), ("prog", 1));
    assert_eq!(found.spec.requirements.gpu.to_string(), "cpu");
}

#[test]
fn what_is_no_input_stays() {
    let dir = job(&[
        SCRIPT,
        DATA,
        (".git/config", ""),
        ("pkg/__pycache__/x.pyc", ""),
        (".cyxwizignore", "*.tmp\n/venv/\n"),
        ("a.tmp", ""),
        ("venv/lib.py", ""),
        ("pkg/venv/kept.py", ""),
        (".hidden", ""),
        ("données/ß 漢字 🚀.bin", ""),
    ]);
    let paths: Vec<_> = read_job(&dir, &[]).unwrap().files.iter().map(|file| file.path.to_string()).collect();
    assert_eq!(
        paths,
        [".hidden", "data/train.csv", "données/ß 漢字 🚀.bin", "pkg/venv/kept.py", "training_script.py"]
    );
}

#[test]
fn each_mistake_in_settings_is_one_line_with_its_mend() {
    let json = |text: &str| say(&[SCRIPT, DATA, ("config.json", text)], &[]);
    let yaml = |text: &str| say(&[SCRIPT, DATA, ("cyxwiz.yml", text)], &[]);
    let flag = |args: &[&str]| say(&[SCRIPT, DATA], args);
    let said = [
        json(r#"{"gpu": "any"}"#),
        json(r#"{"image": "python"}"#),
        json(r#"{"timeout": "1h"}"#),
        json(r#"{"timeout": 0}"#),
        json(r#"{"timeout": 86401}"#),
        json(r#"{"timeout": 1.5}"#),
        json(r#"{"timeout": -1}"#),
        json(r#"{"max_price": "cheap"}"#),
        json(r#"{"max_price": 0}"#),
        json(r#"{"max_price": 0.0000001}"#),
        json(r#"{"max_price": null}"#),
        json(r#"{"min_vram": "8 gigs"}"#),
        json(r#"{"min_vram": 999999999999}"#),
        json(r#"{"gpu_type": 4090}"#),
        json(r#"{"gpu_type": "RTX 4090"}"#),
        json(r#"{"gpu_type": "cpu", "min_vram": 8}"#),
        json(r#"{"timeout": 1, "timeout": 2}"#),
        json(r#"{"timeout": 1"#),
        json("[]"),
        yaml("gpus: 1\n"),
        yaml("timeout: 1\ntimeout: 2\n"),
        yaml("timeout: [\n"),
        yaml("- a\n"),
        yaml("coin: doge\n"),
        yaml("image: ubuntu\n"),
        yaml("args: --epochs\n"),
        yaml("env: [A]\n"),
        yaml("env: {A: true}\n"),
        yaml("env: {1A: x}\n"),
        yaml("outputs: [../x]\n"),
        yaml("entry: /etc/passwd\n"),
        yaml("entry: notes.txt\n"),
        yaml("no_data: 1\n"),
        yaml("max_attempts: 11\n"),
        yaml("max_attempts: many\n"),
        yaml("cpus: 0\n"),
        yaml("memory: 0.01\n"),
        yaml("name: ''\n"),
        yaml("data_urls: [https://x]\n"),
        yaml("data_urls: [{url: 'https://x', path: a, sha256: zz, size: 1}]\n"),
        yaml(
            "data_urls: [{url: 'http://x', path: a, size: 1, sha256: 0000000000000000000000000000000000000000000000000000000000000000}]\n",
        ),
        yaml("deposit: 0.0000001\n"),
        yaml("deposit: 2\nlimit: 1\n"),
        flag(&["--timeout", "soon"]),
        flag(&["--max-price", "1,5"]),
        flag(&["--env", "NAME"]),
        flag(&["--entry", "missing.py"]),
        flag(&["--deposit", "1e3"]),
    ];
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn each_mistake_in_a_folder_is_one_line_with_its_mend() {
    let mut said = vec![
        say(&[DATA], &[]),
        say(&[SCRIPT], &[]),
        say(&[SCRIPT, ("data/.cyxwizignore", "*"), ("data/x", "")], &[]),
        say(&[("prog.wasm", "#!/bin/sh"), DATA], &["--entry", "prog.wasm"]),
        say(&[SCRIPT, DATA, ("a\\b", "")], &[]),
        say(&[SCRIPT, DATA, ("a\nb", "")], &[]),
        say(&[SCRIPT, DATA, ("a\u{202e}b", "")], &[]),
    ];
    let dir = job(&[SCRIPT, DATA, ("notes.txt", "")]);
    let root = dir.path().join("job");
    let target = |path: &str| line(&read(&root.join(path), &Flags::default()).unwrap_err(), dir.path());
    said.push(target("nowhere"));
    said.push(target("notes.txt"));
    fs::create_dir(root.join("void")).unwrap();
    said.push(target("void"));
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;
        let again = |dir: &TempDir| line(&read_job(dir, &[]).unwrap_err(), dir.path());
        std::os::unix::fs::symlink("/etc/passwd", root.join("data/link")).unwrap();
        said.push(again(&dir));
        fs::remove_file(root.join("data/link")).unwrap();
        // a link to a folder is no folder
        std::os::unix::fs::symlink("/etc", root.join("etc")).unwrap();
        said.push(again(&dir));
        fs::remove_file(root.join("etc")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
        said.push(again(&dir));
        fs::remove_file(root.join("socket")).unwrap();
        let bad = root.join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
        fs::write(&bad, "").unwrap();
        said.push(again(&dir));
        fs::remove_file(bad).unwrap();
        // no byte of it is on the disk
        fs::File::create(root.join("data/huge")).unwrap().set_len((1 << 30) + 1).unwrap();
        said.push(again(&dir));
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn ten_thousand_files_are_enough() {
    let dir = job(&[SCRIPT]);
    let data = dir.path().join("job/data");
    fs::create_dir(&data).unwrap();
    for number in 0..9_999 {
        fs::write(data.join(number.to_string()), "").unwrap();
    }
    assert_eq!(read_job(&dir, &[]).unwrap().files.len(), 10_000);
    fs::write(data.join("more"), "").unwrap();
    let said = line(&read_job(&dir, &[]).unwrap_err(), dir.path());
    assert_eq!(said, "`./job` has over 10,000 files: pack them, or name some in .cyxwizignore");
}

#[test]
fn digests_are_those_of_the_bytes() {
    let dir = job(&[SCRIPT, ("data/x", "abc"), ("data/empty", "")]);
    let files = digests(read_job(&dir, &[]).unwrap().files, &|_| {}).unwrap();
    let of = |path: &str| {
        let found = files.iter().find(|file| file.file.path.as_str() == path).unwrap();
        hex::encode(found.sha256)
    };
    assert_eq!(of("data/x"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(of("data/empty"), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    // longer by the time it is read
    let found = read_job(&dir, &[]).unwrap().files;
    fs::write(dir.path().join("job/data/x"), "abcd").unwrap();
    assert!(matches!(digests(found, &|_| {}), Err(JobError::Changed(path)) if path == "data/x"));
}
