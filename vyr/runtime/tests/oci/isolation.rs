//! What a program in a container cannot do.

use serde_json::json;
use vyr_model::{Failure, Terminal};

use crate::support::{Job, shared};

#[tokio::test]
async fn the_root_is_read_only_and_tmp_is_private() {
    let host = shared();
    let script = "touch /new 2>/dev/null && echo wrote; touch /bin/new 2>/dev/null && echo wrote; \
                  ls /tmp; echo mine > /tmp/mine && cat /tmp/mine; ls /out";
    let image = host.script(script).await;
    for _ in 0..2 {
        assert_eq!(host.run(&image, Job::default()).await.succeeded(), "mine\n");
    }
}

#[tokio::test]
async fn there_is_no_network_but_its_own_loopback() {
    let host = shared();
    let script = "ip -o link | wc -l; ip -o link | grep -c LOOPBACK; ip route | wc -l; \
                  ping -c 1 -W 1 192.0.2.1 >/dev/null 2>&1 || echo unreachable";
    let shown = host.run(&host.script(script).await, Job::default()).await.succeeded();
    let links: Vec<_> = shown.lines().collect();
    assert_eq!(links[1..], ["1", "0", "unreachable"], "{shown}");
}

#[tokio::test]
async fn privileges_are_gone_for_good() {
    let host = shared();
    let shown = host.run(&host.script("cat /proc/self/status").await, Job::default()).await.succeeded();
    let field = |name: &str| {
        let line = shown.lines().find(|line| line.starts_with(name)).expect("there");
        line.split_whitespace().nth(1).expect("value").to_owned()
    };
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(field(set), "0000000000000000", "{set}");
    }
    assert_eq!((field("NoNewPrivs:"), field("Seccomp:")), ("1".into(), "2".into()));
}

#[tokio::test]
async fn host_processes_mounts_and_secrets_are_out_of_sight() {
    let host = shared();
    let script = "ls /proc | grep -c '^[0-9]'; mount -t tmpfs none /tmp 2>/dev/null || echo no mount; \
                  cat /proc/kcore 2>/dev/null | head -c 1; ls /dev | tr '\\n' ' '; \
                  cat /etc/shadow 2>/dev/null; ls /root 2>/dev/null; true";
    let shown = host.run(&host.script(script).await, Job::default()).await.succeeded();
    let lines: Vec<_> = shown.lines().collect();
    let processes: u32 = lines[0].parse().expect("number");
    assert!(processes <= 4, "{shown}");
    assert_eq!(lines[1], "no mount");
    assert!(
        lines[2].split(' ').all(|device| !device.starts_with("vd") && !device.starts_with("sd")),
        "{shown}"
    );
    assert_eq!(lines.len(), 3, "{shown}");
}

#[tokio::test]
async fn namespaces_cannot_be_made() {
    let host = shared();
    let script = "busybox unshare -U true 2>/dev/null || echo refused; busybox unshare -n true 2>/dev/null || echo refused";
    let image = host.config(json!({ "Cmd": ["/bin/sh", "-c", script] })).await;
    assert_eq!(host.run(&image, Job::default()).await.succeeded(), "refused\nrefused\n");
}

#[tokio::test]
async fn unfit_grants_are_refused_before_anything_runs() {
    let host = shared();
    let image = host.script("echo ran").await;
    for grant in ["/::/proc", "/::/", "/::relative", "/::/a/../b", "/::/out"] {
        let done = host.run(&image, Job { dirs: vec![grant.into()], ..Job::default() }).await;
        let Terminal::Failed(Failure::Link(text)) = &done.outcome.terminal else { panic!("{done:?}") };
        assert!(text.contains("is refused: "), "{text}");
        assert_eq!(done.stdout, "");
    }
    let gone = Job { dirs: vec!["/nowhere-at-all::/data".into()], ..Job::default() };
    let done = host.run(&image, gone).await;
    assert!(matches!(done.outcome.terminal, Terminal::Failed(Failure::Grant(_))), "{done:?}");
}
