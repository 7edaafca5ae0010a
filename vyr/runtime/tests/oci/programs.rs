//! What an image's program is given, and what is made of how it ends.

use std::{fs::File, io::Write};

use serde_json::json;
use vyr_model::{Failure, Terminal};
use vyr_runtime::Stdin;

use crate::{
    image::{Layer, busybox},
    support::{Host, Job, shared},
};

#[tokio::test]
async fn cmd_is_replaced_by_the_tasks_arguments() {
    let host = shared();
    let image = host.config(json!({ "Entrypoint": ["/bin/echo"], "Cmd": ["from", "image"] })).await;
    assert_eq!(host.run(&image, Job::default()).await.succeeded(), "from image\n");
    assert_eq!(host.run(&image, Job::args(&["from task"])).await.succeeded(), "from task\n");
}

#[tokio::test]
async fn stdin_reaches_the_program_from_every_source() {
    let host = shared();
    let image = host.config(json!({ "Cmd": ["/bin/sort"] })).await;
    assert_eq!(host.run(&image, Job::stdin("b\na\n")).await.succeeded(), "a\nb\n");
    assert_eq!(host.run(&image, Job::default()).await.succeeded(), "");
    let mut file = tempfile::tempfile().expect("file");
    file.write_all(b"2\n1\n").expect("write");
    let from_file = Job { stdin: Stdin::File(file), ..Job::default() };
    assert_eq!(host.run(&image, from_file).await.succeeded(), "1\n2\n");
    let stream = Stdin::Stream(Box::new(&b"y\nx\n"[..]));
    assert_eq!(host.run(&image, Job { stdin: stream, ..Job::default() }).await.succeeded(), "x\ny\n");
}

#[tokio::test]
async fn megabytes_pass_through_byte_for_byte() {
    let host = shared();
    let image = host.config(json!({ "Cmd": ["/bin/cat"] })).await;
    let input: String = (0..400_000).map(|n| format!("{n}\n")).collect();
    let output = host.run(&image, Job::stdin(input.clone())).await.succeeded();
    assert!(output == input, "{} bytes of {}", output.len(), input.len());
}

#[tokio::test]
async fn a_program_may_leave_its_input_unread() {
    let host = shared();
    let image = host.config(json!({ "Cmd": ["/bin/true"] })).await;
    assert_eq!(host.run(&image, Job::stdin(vec![7; 1 << 22])).await.succeeded(), "");
}

#[tokio::test]
async fn the_environment_is_the_images_and_the_grants() {
    let host = shared();
    let config = json!({ "Cmd": ["/bin/env"], "Env": ["A=image", "B=image"], "WorkingDir": "/" });
    let job = Job { env: vec!["B=task".into(), "C=x=y".into()], ..Job::default() };
    let shown = host.run(&host.config(config).await, job).await.succeeded();
    for line in
        ["A=image", "B=task", "C=x=y", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    {
        assert!(shown.lines().any(|shown| shown == line), "{line} is not in {shown}");
    }
    let names: Vec<_> = shown.lines().filter_map(|line| line.split('=').next()).collect();
    assert!(
        names.iter().all(|name| ["A", "B", "C", "PATH", "HOME", "PWD", "SHLVL"].contains(name)),
        "{shown}"
    );
}

#[tokio::test]
async fn the_working_folder_is_made_when_it_is_missing() {
    let host = shared();
    let image = host.config(json!({ "Cmd": ["/bin/pwd"], "WorkingDir": "/srv/made/here" })).await;
    assert_eq!(host.run(&image, Job::default()).await.succeeded(), "/srv/made/here\n");
}

#[tokio::test]
async fn the_user_is_the_images_but_never_root() {
    let host = shared();
    let ids = "/bin/sh -c id";
    for (user, shown) in
        [("1234:99", "uid=1234 gid=99"), ("", "uid=65534 gid=65534"), ("0:0", "uid=65534 gid=65534")]
    {
        let command: Vec<_> = ids.split(' ').collect();
        let image = host.config(json!({ "Cmd": command, "User": user })).await;
        let output = host.run(&image, Job::default()).await.succeeded();
        assert!(output.starts_with(shown), "{output}");
    }
}

#[tokio::test]
async fn exit_codes_and_signals_are_told() {
    let host = shared();
    let image = host.config(json!({ "Entrypoint": ["/bin/sh", "-c"] })).await;
    for (script, failure) in [
        ("exit 7", Failure::Exit(7)),
        ("exit 255", Failure::Exit(255)),
        ("sh -c 'kill -SEGV $$'; exit $?", Failure::Trap("killed by SIGSEGV".into())),
        ("echo words >&2; exit 3", Failure::Exit(3)),
    ] {
        let done = host.run(&image, Job::args(&[script])).await;
        assert_eq!(done.outcome.terminal, Terminal::Failed(failure), "{script}");
        assert_eq!(done.stderr.contains("words"), script.contains("words"));
    }
}

#[tokio::test]
async fn a_missing_program_is_the_images_fault() {
    let host = shared();
    for program in ["/nope", "not-on-path", "/etc/config"] {
        let layer = Layer::new().file("etc/config", b"text");
        let image = host.layers(json!({ "Cmd": [program] }), vec![busybox(), layer]).await;
        let done = host.run(&image, Job::default()).await;
        assert!(matches!(done.outcome.terminal, Terminal::Failed(Failure::Link(_))), "{done:?}");
        assert_eq!(done.outcome.started, None);
    }
    let none = host.config(json!({})).await;
    let done = host.run(&none, Job::default()).await;
    assert!(matches!(done.outcome.terminal, Terminal::Failed(Failure::Link(_))), "{done:?}");
}

#[tokio::test]
async fn upper_layers_change_and_hide_lower_ones() {
    let host = shared();
    let lower = Layer::new()
        .dir("data/")
        .file("data/kept", b"kept")
        .file("data/gone", b"gone")
        .file("data/changed", b"old")
        .dir("hidden/")
        .file("hidden/lower", b"lower")
        .dir("hidden/deep/")
        .file("hidden/deep/lower", b"lower")
        .file("kind", b"a file");
    let mut upper = Layer::new()
        .file("data/.wh.gone", b"")
        .file("data/.wh.never-there", b"")
        .file("data/changed", b"new")
        .file("hidden/deep/upper", b"upper")
        .file("hidden/.wh..wh..opq", b"")
        .file("kind/now-a-folder", b"")
        .gzip();
    upper.diff_id = None;
    let replaced = Layer::new().file(".wh.kind", b"");
    let script = "cd /data && cat kept changed && ls /data /hidden /hidden/deep /kind";
    let image = host
        .layers(json!({ "Cmd": ["/bin/sh", "-c", script] }), vec![busybox(), lower, replaced, upper])
        .await;
    let shown = host.run(&image, Job::default()).await.succeeded();
    let expected =
        "keptnew/data:\nchanged\nkept\n\n/hidden:\ndeep\n\n/hidden/deep:\nupper\n\n/kind:\nnow-a-folder\n";
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn links_resolve_inside_the_image() {
    let host = shared();
    let layer = Layer::new()
        .dir("usr/lib/")
        .symlink("lib", "usr/lib")
        .file("lib/through-the-link", b"found\n")
        .hard_link("usr/lib/second-name", "lib/through-the-link")
        .symlink("absolute", "/usr/lib/second-name");
    let image = host.layers(json!({ "Cmd": ["/bin/cat", "/absolute"] }), vec![busybox(), layer.gzip()]).await;
    assert_eq!(host.run(&image, Job::default()).await.succeeded(), "found\n");
}

#[tokio::test]
async fn out_and_granted_folders_are_written_and_read() {
    let host = Host::new();
    let (out, read, write) =
        (host.folder.path().join("out"), host.folder.path().join("read"), host.folder.path().join("write"));
    for folder in [&read, &write] {
        std::fs::create_dir(folder).expect("folder");
    }
    std::fs::write(read.join("input"), "granted\n").expect("input");
    let open = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o777);
    std::fs::set_permissions(&write, open).expect("mode");
    let script = "cat /in/input; cat /in/input > /out/copy; echo more > /rw/more; \
                  touch /in/new 2>/dev/null || echo refused";
    let image = host.script(script).await;
    let mut job = Job::default().out(&out);
    job.dirs = vec![format!("{}::/in:ro", read.display()), format!("{}::/rw", write.display())];
    assert_eq!(host.run(&image, job).await.succeeded(), "granted\nrefused\n");
    let text = |path| std::io::read_to_string(File::open(path).expect("made")).expect("read");
    assert_eq!((text(out.join("copy")), text(write.join("more"))), ("granted\n".into(), "more\n".into()));
    host.assert_clean();
}

#[tokio::test]
async fn the_times_and_the_processor_time_are_told() {
    let host = shared();
    let image = host.script("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done").await;
    let done = host.run(&image, Job::default()).await;
    let outcome = &done.outcome;
    let started = outcome.started.expect("started");
    assert!(outcome.prepared <= started && started <= outcome.ended, "{outcome:?}");
    assert!(!outcome.cpu.is_zero(), "{outcome:?}");
    done.succeeded();
}
