use std::{
    fs,
    process::{Child, Command},
};

use super::ring::Ring;

/// A process of this machine that ends with the test.
struct Victim(Child);

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_reaches_for_the_machine_finds_nothing_and_is_paid_as_any_job() {
    let mut ring = Ring::open();
    let told = ring.runs("raw", attack!("raw_socket"), &[], &[]);
    assert!(told.completed("succeeded").contains("1\n1\n"), "{told:?}");
    let told = ring.runs("mount", attack!("mount"), &[], &[]);
    assert_eq!(told.completed("succeeded").matches("Operation not permitted").count(), 3, "{told:?}");
    let victim = Victim(Command::new("sleep").arg("600").spawn().unwrap());
    let told = ring.runs("ptrace", attack!("ptrace"), &[&victim.0.id().to_string()], &[]);
    let said = told.completed("succeeded");
    assert!(said.contains("held ") && !said.contains("attached"), "{said}");
    let told = ring.runs("setuid", attack!("setuid"), &[], &[]);
    assert!(told.completed("succeeded").lines().any(|line| line == "held"), "{told:?}");

    let secret = ring.platform.folder("private").join("secret");
    fs::write(&secret, "the seller's").unwrap();
    let job = ring.submit("links", attack!("symlinked_output"), &[secret.to_str().unwrap()], &[]);
    let told = ring.ends(&job);
    assert!(told.completed("succeeded").contains("`model.bin` is a symbolic link"), "{told:?}");
    let results = ring.platform.folder("results");
    ring.buyer.ok(&["results", &job, "--to", results.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(results.join("real")).unwrap(), "result");
    for path in ["model.bin", "folder", "pipe"] {
        assert!(results.join(path).symlink_metadata().is_err(), "{path}");
    }
    ring.ends_well();
}
