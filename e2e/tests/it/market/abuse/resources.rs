use super::ring::Ring;

#[test]
fn what_takes_too_much_is_its_own_fault() {
    let mut ring = Ring::open();
    // it copes, says how far it came, and exits
    let told = ring.runs("fork", attack!("fork_bomb"), &[], &["--env", "CHILDREN=4000", "--memory", "4"]);
    assert!(told.own_fault("exit").contains("held at"), "{told:?}");
    for place in ["", "/tmp/x", "/dev/shm/x"] {
        let place = format!("PLACE={place}");
        let more = ["--memory", "0.25", "--env", &place];
        let told = ring.runs("memory", attack!("memory_bomb"), &[], &more);
        assert!(told.own_fault("out_of_memory").lines().all(|line| line != "took it"), "{told:?}");
    }
    let told = ring.runs("flood", attack!("log_flood"), &[], &["--env", "FD=1", "--env", "MIB=600"]);
    told.own_fault("disk");
    ring.ends_well();
}

#[test]
fn what_fills_the_disk_is_its_own_fault() {
    let mut ring = Ring::open();
    for (name, script) in [
        ("files", attack!("fill_many")),
        ("file", attack!("fill_one")),
        ("zip", attack!("zip_bomb")),
        ("many", attack!("many_files")),
    ] {
        let told = ring.runs(name, script, &[], &["--env", "BLOCKS=1024"]);
        let told = told.own_fault("disk");
        let done = ["filled", "unpacked"];
        assert!(told.lines().all(|line| !done.contains(&line)), "{name}: {told}");
    }
    ring.ends_well();
}
