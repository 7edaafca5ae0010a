//! `vyr run`, embedded and by a running node: faithful to the byte and the exit code. One process
//! a case.

use std::{ffi::OsStr, fs, os::unix::fs::symlink, path::Path};

use crate::support::{Cli, Node, Said, guest};

/// The two ways in which `vyr run` executes.
pub(super) const MODES: [&[&str]; 2] = [&["--embedded"], &[]];

/// Runs a guest; `flags` come before its arguments.
pub(super) fn run(
    node: &Node,
    mode: &[&str],
    program: &Path,
    flags: &[&str],
    args: &[&str],
    stdin: &[u8],
) -> Said {
    let cli = node.cli().arg("run").args(mode).args(flags).arg(program);
    cli.arg("--").args(args).env("VYR_SECRET", "of the caller").stdin(stdin).run()
}

/// Both modes with the same case, and both kinds of the guest.
fn each(node: &Node, name: &str, check: impl Fn(&dyn Fn(&[&str], &[&str], &[u8]) -> Said, &str)) {
    for mode in MODES {
        for name in [name.to_owned(), format!("{name}.p1")] {
            let program = guest(&name);
            let run =
                |flags: &[&str], args: &[&str], stdin: &[u8]| run(node, mode, &program, flags, args, stdin);
            check(&run, &format!("{name} {mode:?}"));
        }
    }
}

/// Writes bytes of every value to stdout and stderr, in turns, by hand-written calls.
fn two_streams() -> Vec<u8> {
    let bytes: String = (0..=255).map(|byte| format!("\\{byte:02x}")).collect();
    wat::parse_str(format!(
        r#"(module
            (import "wasi_snapshot_preview1" "fd_write"
                (func $fd_write (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (data (i32.const 0) "\10\00\00\00\00\01\00\00")
            (data (i32.const 16) "{bytes}")
            (func (export "_start") (local $n i32)
                (loop $again
                    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
                    (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
                    (local.set $n (i32.add (local.get $n) (i32.const 1)))
                    (br_if $again (i32.lt_u (local.get $n) (i32.const 100))))))"#
    ))
    .unwrap()
}

#[test]
fn arguments_and_environment_arrive_as_given() {
    let node = Node::start();
    let args = ["", "two words", "--help", "-o", "json", "\"quoted\"", "new\nline", "é ☃ 𝄞", "a=b", "--"];
    let env = ["--env", "B=x y=z", "--env", "A=", "--env", "C=é"];
    each(&node, "args-env", |run, case| {
        let said = run(&env, &args, b"");
        let arguments = args.iter().enumerate().map(|(n, arg)| format!("arg {}={arg}\n", n + 1));
        let wanted =
            format!("arg 0=args-env\n{}env A=\nenv B=x y=z\nenv C=é\n", arguments.collect::<String>());
        // a file named `args-env.p1.wasm` gives the name `args-env.p1`
        let out = said.out().replacen("arg 0=args-env.p1\n", "arg 0=args-env\n", 1);
        assert_eq!((said.code, out), (Some(0), wanted), "{case}: {}", said.err());
        let none = run(&[], &[], b"").out();
        assert!(none.starts_with("arg 0=") && none.lines().count() == 1, "{case}: {none}");
    });
}

#[test]
fn stdin_passes_byte_for_byte() {
    let node = Node::start();
    // every byte value, no line ends where a text mode would like them
    let mut seed = 0x2545_f491_u32;
    let binary: Vec<u8> = std::iter::repeat_with(|| {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        seed.to_le_bytes()[0]
    })
    .take(1 << 20)
    .collect();
    each(&node, "echo", |run, case| {
        for input in [&binary[..], b"", b"\0", b"no line end", b"\r\n\r\n"] {
            let said = run(&[], &[], input);
            assert!(said.stdout == input, "{case}: {} of {} bytes", said.stdout.len(), input.len());
            assert_eq!(said.code, Some(0), "{case}");
        }
    });
}

#[test]
fn stdout_and_stderr_are_the_guests_own() {
    let node = Node::start();
    let program = node.dir().join("two-streams.wasm");
    fs::write(&program, two_streams()).unwrap();
    let exact = |cli: Cli, mode: &[&str], program: &OsStr| {
        let said = cli.arg("run").args(mode).arg(program).run();
        let wanted: Vec<u8> = (0..=255).cycle().take(256 * 100).collect();
        assert_eq!(said.code, Some(0), "{mode:?}");
        assert!(said.stdout == wanted, "{mode:?}: stdout has {} bytes", said.stdout.len());
        assert!(said.stderr == wanted, "{mode:?}: stderr has {} bytes: {}", said.stderr.len(), said.err());
    };
    // by file, in a home that has no key yet: nothing of ours beside the guest's, the first time and later
    let fresh = crate::support::folder();
    for _ in 0..2 {
        exact(Cli::new(fresh.path()), MODES[0], program.as_os_str());
    }
    for mode in MODES.iter().rev().chain(&MODES) {
        exact(node.cli(), mode, program.as_os_str());
    }
    // and by digest
    let digest = node.put_file(&program);
    for mode in MODES {
        exact(node.cli(), mode, OsStr::new(&digest));
    }
}

#[test]
fn exit_codes_are_the_guests_own() {
    let node = Node::start();
    let program = guest("exit-code.p1");
    for mode in MODES {
        for code in [0, 1, 2, 3, 63, 64, 101, 125, 126, 127, 134, 255] {
            let said = run(&node, mode, &program, &[], &[&code.to_string()], b"");
            assert_eq!(said.code, Some(code), "{mode:?}: {}", said.err());
        }
        // a component says what it wants to by `exit-with-code`
        for code in [0, 1, 7, 126, 127, 255] {
            let said = run(&node, mode, &guest("exit-with-code"), &[], &[&code.to_string()], b"");
            assert_eq!(said.code, Some(code), "{mode:?}: {}", said.err());
            assert_eq!(said.out(), format!("exits with {code}\n"), "{mode:?}");
        }
        // and no more than success or failure by the standard library's exit
        for (code, wanted) in [(0, 0), (1, 1), (7, 1)] {
            let said = run(&node, mode, &guest("exit-code"), &[], &[&code.to_string()], b"");
            assert_eq!(said.code, Some(wanted), "{mode:?}: {}", said.err());
        }
    }
}

#[test]
fn a_trap_is_134_and_keeps_what_was_written() {
    let node = Node::start();
    each(&node, "trap", |run, case| {
        let said = run(&[], &[], b"");
        assert_eq!((said.code, said.out().as_str()), (Some(134), "before\n"), "{case}");
        assert!(said.err().contains("trap"), "{case}: {}", said.err());
    });
}

#[test]
fn folders_are_opened_only_where_granted() {
    let node = Node::start();
    let folder = node.dir().join("folder");
    fs::create_dir_all(folder.join("sub")).unwrap();
    fs::write(folder.join("file"), b"bytes \0\xff").unwrap();
    fs::write(node.dir().join("secret"), "outside").unwrap();
    symlink("../secret", folder.join("link")).unwrap();
    let host = folder.to_str().unwrap();
    let (rw, ro) = (format!("{host}::/data"), format!("{host}::/data:ro"));
    each(&node, "read-dir", |run, case| {
        let rw = |args: &[&str]| run(&["--dir", &rw], args, b"");
        let ro = |args: &[&str]| run(&["--dir", &ro], args, b"");
        assert_eq!(rw(&["list", "/data"]).out(), "file\nlink\nsub\n", "{case}");
        assert_eq!(rw(&["read", "/data/file"]).stdout, b"bytes \0\xff", "{case}");
        assert_eq!(ro(&["read", "/data/file"]).stdout, b"bytes \0\xff", "{case}");
        for args in [&["write", "/data/new", "x"][..], &["remove", "/data/file"], &["mkdir", "/data/dir"]] {
            let said = ro(args);
            assert_eq!(said.code, Some(1), "{case} {args:?}");
            assert!(said.out().starts_with("error: "), "{case} {args:?}: {}", said.out());
        }
        for path in ["/data/link", "/data/../secret", "/secret", "/etc/passwd", "secret"] {
            let said = rw(&["read", path]);
            assert_eq!(said.code, Some(1), "{case} {path}: {}", said.out());
            assert!(!said.out().contains("outside") && !said.out().contains("root:"), "{case} {path}");
        }
        assert_eq!(run(&[], &["list", "/"], b"").code, Some(1), "{case}: no grant, no folder");
        assert_eq!(rw(&["write", "/data/sub/new", "written"]).code, Some(0), "{case}");
        assert_eq!(fs::read_to_string(folder.join("sub/new")).unwrap(), "written", "{case}");
        assert_eq!(rw(&["remove", "/data/sub/new"]).code, Some(0), "{case}");
    });
    assert!(folder.join("file").exists() && !folder.join("new").exists());
}

#[test]
fn files_in_out_come_back() {
    let node = Node::start();
    for (n, mode) in MODES.iter().enumerate() {
        let out = node.dir().join(format!("out{n}"));
        let said =
            run(&node, mode, &guest("out-files"), &["--out", out.to_str().unwrap()], &["70000"], b"in\xff");
        assert_eq!(said.code, Some(0), "{mode:?}: {}", said.err());
        assert_eq!(fs::read(out.join("hello.txt")).unwrap(), b"hello\n");
        assert_eq!(fs::read(out.join("nested/stdin.bin")).unwrap(), b"in\xff");
        assert_eq!(fs::read(out.join("empty")).unwrap(), b"");
        assert_eq!(fs::read(out.join("zeros")).unwrap(), vec![0; 70_000]);
    }
}

#[test]
fn limits_end_a_run_by_name() {
    let node = Node::start();
    let cases: [(&str, &[&str], &str); 6] = [
        ("spin", &["--wall-time", "300ms"], "wall_time"),
        ("spin", &["--cpu-time", "300ms"], "cpu_time"),
        ("spin", &["--fuel", "1000000"], "fuel"),
        ("flood", &["--stdout-limit", "64KiB"], "stdout"),
        ("echo", &["--handles", "2"], "handles"),
        ("echo", &["--host-call-bytes", "4"], "host_call_bytes"),
    ];
    for mode in MODES {
        for (name, flags, limit) in cases {
            let said = run(&node, mode, &guest(name), flags, &[], b"some input");
            assert_eq!(said.code, Some(1), "{name} {flags:?} {mode:?}");
            assert!(said.err().contains(limit), "{name} {flags:?} {mode:?}: {}", said.err());
            assert!(said.stdout.len() <= 64 << 10 || name != "flood");
        }
        let said = run(&node, mode, &guest("mem-bomb"), &["--memory", "16MiB"], &[], b"");
        let refused = said.out().starts_with("refused after ") || said.err().contains("memory");
        assert!(refused && said.code == Some(1), "{mode:?}: {} {}", said.out(), said.err());
    }
}

#[test]
fn flags_go_before_the_manifests_limits_and_those_before_the_nodes() {
    let node = Node::start();
    let digest = node.put_with(&guest("mem-bomb"), &["--limit", "memory=16MiB", "--limit", "handles=7"]);
    let flood = node.put_with(&guest("flood"), &["--limit", "stdout=64KiB"]);
    for mode in MODES {
        let refused_after = |flags: &[&str]| {
            let said = node.cli().arg("run").args(mode).args(flags).arg(&digest).run();
            let out = said.out();
            let count = out.trim().strip_prefix("refused after ").and_then(|rest| rest.strip_suffix(" MiB"));
            count.unwrap_or_else(|| panic!("{mode:?}: {out} {}", said.err())).parse::<u32>().unwrap()
        };
        assert!(refused_after(&[]) < 16, "{mode:?}: the manifest's limit");
        assert!((16..64).contains(&refused_after(&["--memory", "64MiB"])), "{mode:?}: the flag's");
        let said = node.cli().arg("run").args(mode).arg(&flood).run();
        assert_eq!((said.code, said.stdout.len()), (Some(1), 64 << 10), "{mode:?}");
        assert!(said.err().contains("stdout"), "{mode:?}: {}", said.err());
    }
}

#[test]
fn a_run_needs_no_node_and_no_preparation() {
    let dir = crate::support::folder();
    let said = Cli::new(dir.path()).arg("run").arg(guest("echo")).stdin(b"alone").run();
    assert_eq!((said.code, said.out().as_str()), (Some(0), "alone"), "{}", said.err());
}
