use std::{
    fs,
    process::{Child, Command},
};

use vyr_model::{Failure, Terminal};

use crate::support::{Host, Loose, bind};

#[tokio::test]
async fn raw_socket() {
    let host = Host::new().await;
    let attack = attack!("raw_socket");
    assert_eq!(Loose::python(attack).run().await.1, "raw\nraw\n");
    assert_eq!(host.run(host.python(attack)).await.succeeded(), "1\n1\n");
    let outbound = host.python(attack).outbound();
    let done = host.run(outbound).await;
    if host.executor.outbound().is_ok() {
        assert_eq!(done.succeeded(), "1\n1\n");
    } else {
        assert!(matches!(done.outcome.terminal, Terminal::Failed(Failure::Link(_))), "{done:?}");
    }
    host.assert_healthy().await;
}

/// A process of this machine that ends with the test.
struct Victim(Child);

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn ptrace() {
    let host = Host::new().await;
    let victim = Victim(Command::new("sleep").arg("600").spawn().unwrap());
    let pid = victim.0.id();
    let attack = attack!("ptrace");
    let (_, loose) = Loose::python(attack)
        .arg(pid)
        .host(|host| {
            host.pid_mode = Some("host".to_owned());
            host.cap_add = Some(vec!["SYS_PTRACE".to_owned()]);
            host.security_opt = Some(vec!["seccomp=unconfined".to_owned()]);
        })
        .run()
        .await;
    assert_eq!(loose, "attached\n");
    let held = host.run(host.python(attack).arg(pid)).await.succeeded();
    assert!(held.starts_with("held "), "{held}");
    host.assert_healthy().await;
}

#[tokio::test]
async fn setuid() {
    let host = Host::new().await;
    let folder = host.folder("programs");
    // Python as root's own, which runs as root whoever starts it
    let make = "import os, shutil; shutil.copy(os.path.realpath('/usr/bin/python3'), '/p/rootpy'); os.chmod('/p/rootpy', 0o4755)";
    let mounts = vec![bind(&folder, "/p")];
    let mounted = mounts.clone();
    Loose::python(make).host(|host| host.binds = Some(mounted)).run().await;
    let attack = attack!("setuid");
    let (_, loose) = Loose::python(attack)
        .arg("/p/rootpy")
        .user("65534:65534")
        .host(|host| host.binds = Some(mounts))
        .run()
        .await;
    assert_eq!(loose, "0\n", "an unhardened container lets a setuid program become root");
    let held = host.run(host.python(attack).arg("/p/rootpy").dir(&folder, "/p", true)).await.succeeded();
    assert_ne!(held, "0\n");
    fs::remove_file(folder.join("rootpy")).unwrap();
    host.assert_healthy().await;
}

#[tokio::test]
async fn capabilities_are_gone() {
    let host = Host::new().await;
    let look = r#"
lines = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(*(lines[name].strip() for name in ["CapEff", "CapBnd", "NoNewPrivs", "Seccomp"]))
"#;
    let (_, loose) = Loose::python(look).run().await;
    assert!(!loose.contains("0000000000000000 0000000000000000 1"), "{loose}");
    assert_eq!(host.run(host.python(look)).await.succeeded(), "0000000000000000 0000000000000000 1 2\n");
}
