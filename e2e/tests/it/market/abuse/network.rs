//! Shares the rules and addresses of the private engine's network with the sandbox's own tests: one at a time.

use std::sync::atomic::Ordering;

use super::ring::Ring;

#[path = "../../../../../cyxwiz/sandbox/tests/it/support/world.rs"]
#[expect(dead_code, reason = "the sandbox's own tests use more of it")]
mod world;

use self::world::{METADATA, PRIVATE, PUBLIC, World};

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `./x test`"))
}

#[test]
fn metadata_and_private_addresses_are_out_of_a_jobs_reach() {
    if std::env::var_os("CYXWIZ_DOCKER_NETNS").is_none() {
        eprintln!("the engine is another's: its network is left as it is");
        return;
    }
    let world = World::new();
    let mut ring = Ring::open();
    let targets = [METADATA, PRIVATE, PUBLIC, "gateway"].map(World::url);
    let told = ring.runs("connect", attack!("connect"), &targets.each_ref().map(String::as_str), &[]);
    let said = told.completed("succeeded");
    for (host, answer) in [(METADATA, "held"), (PRIVATE, "held"), (PUBLIC, "secret"), ("gateway", "held")] {
        assert!(said.lines().any(|line| line == format!("{host} {answer}")), "{host}: {said}");
    }
    assert_eq!(world.beyond.load(Ordering::SeqCst), 1, "what answers is the Internet alone");
    assert_eq!(world.machine.load(Ordering::SeqCst), 0);
    ring.ends_well();
}
