use std::{fs, os::unix::fs::symlink, path::Path};

use vyr_model::DirGrant;
use vyr_runtime::wasm::Program;

use crate::support::{Ran, Task, guest, wat};

fn dir(host: &Path, grant: &str) -> DirGrant {
    format!("{}::{grant}", host.to_str().unwrap()).parse().unwrap()
}

async fn op(program: &Program, grants: &[DirGrant], args: &[&str]) -> String {
    let task = Task::new(args).with(|request| request.dirs = grants.to_vec());
    let Ran { stdout, .. } = task.run(program).await;
    stdout.text()
}

fn both() -> [(&'static str, Program); 2] {
    [("component", guest("read-dir")), ("module", guest("read-dir.p1"))]
}

#[tokio::test]
async fn arguments_and_granted_environment_are_all_there_is() {
    for name in ["args-env", "args-env.p1"] {
        let program = guest(name);
        let ran = Task::new(&[]).run(&program).await.succeeded();
        assert_eq!(ran.stdout.text(), "arg 0=guest\n");
        let task = Task::new(&["a b", "", "ü"]).with(|request| {
            request.env = vec!["X=1=2".parse().unwrap(), "EMPTY=".parse().unwrap()];
        });
        let ran = task.run(&program).await.succeeded();
        assert_eq!(ran.stdout.text(), "arg 0=guest\narg 1=a b\narg 2=\narg 3=ü\nenv EMPTY=\nenv X=1=2\n");
    }
}

#[tokio::test]
async fn without_a_grant_there_is_no_file_system() {
    for (kind, program) in both() {
        for path in ["/", ".", "/etc/passwd", "/out", "/proc/self/environ"] {
            let said = op(&program, &[], &["read", path]).await;
            assert!(said.starts_with("error: "), "{kind} {path}: {said}");
            let said = op(&program, &[], &["list", path]).await;
            assert!(said.starts_with("error: "), "{kind} {path}: {said}");
        }
    }
}

#[tokio::test]
async fn a_granted_folder_is_read_and_written() {
    for (_, program) in both() {
        let host = tempfile::tempdir().unwrap();
        fs::write(host.path().join("a.txt"), "content").unwrap();
        let grants = [dir(host.path(), "/data")];
        assert_eq!(op(&program, &grants, &["list", "/data"]).await, "a.txt\n");
        assert_eq!(op(&program, &grants, &["read", "/data/a.txt"]).await, "content");
        assert_eq!(op(&program, &grants, &["write", "/data/b.txt", "new"]).await, "");
        assert_eq!(fs::read_to_string(host.path().join("b.txt")).unwrap(), "new");
    }
}

#[tokio::test]
async fn a_read_only_folder_refuses_every_write() {
    for (kind, program) in both() {
        let host = tempfile::tempdir().unwrap();
        fs::write(host.path().join("a.txt"), "content").unwrap();
        let grants = [dir(host.path(), "/data:ro")];
        assert_eq!(op(&program, &grants, &["read", "/data/a.txt"]).await, "content");
        for args in [
            &["write", "/data/a.txt", "changed"][..],
            &["write", "/data/new", "x"],
            &["remove", "/data/a.txt"],
            &["mkdir", "/data/d"],
        ] {
            let said = op(&program, &grants, args).await;
            assert!(said.starts_with("error: "), "{kind} {args:?}: {said}");
        }
        assert_eq!(fs::read_to_string(host.path().join("a.txt")).unwrap(), "content");
        assert_eq!(fs::read_dir(host.path()).unwrap().count(), 1);
    }
}

#[tokio::test]
async fn no_path_leads_out_of_a_granted_folder() {
    for (kind, program) in both() {
        let host = tempfile::tempdir().unwrap();
        let granted = host.path().join("granted");
        fs::create_dir(&granted).unwrap();
        fs::write(host.path().join("secret"), "secret").unwrap();
        symlink(host.path().join("secret"), granted.join("absolute")).unwrap();
        symlink("../secret", granted.join("relative")).unwrap();
        symlink("..", granted.join("up")).unwrap();
        let grants = [dir(&granted, "/data")];
        for path in [
            "/data/../secret",
            "/data/absolute",
            "/data/relative",
            "/data/up/secret",
            "/data/./../../secret",
            "../secret",
        ] {
            for args in [&["read", path][..], &["write", path, "changed"], &["remove", path]] {
                if args[0] == "remove" && !path.contains("..") && !path.contains("up/") {
                    continue; // removes the link, not what it leads to
                }
                let said = op(&program, &grants, args).await;
                assert!(said.starts_with("error: "), "{kind} {args:?}: {said}");
            }
        }
        assert_eq!(fs::read_to_string(host.path().join("secret")).unwrap(), "secret");
    }
}

#[tokio::test]
async fn a_granted_folder_that_is_not_there_is_named() {
    let task = Task::new(&[]).with(|request| request.dirs = vec!["/not/there::/d".parse().unwrap()]);
    let ran = task.run(&guest("noop")).await;
    let said = format!("{:?}", ran.outcome.terminal);
    assert!(said.contains("failed to open the granted folder `/not/there`"), "{said}");
}

#[tokio::test]
async fn sockets_and_name_lookup_are_denied() {
    Task::new(&[]).run(&wat(include_str!("wat/sockets.wat"))).await.succeeded();
}
