//! Scripts that do what scripts do: hang, take too much, ask for what is not there.

use std::fs;

use e2e::market::{Platform, jobs, units, why};

use super::index;

const DEPOSIT: u64 = 1_000_000;

/// Has a job run; returns its state in the end, why it ended, whose fault that was, and what it cost.
fn ends(config: &str, script: &str, files: &[(&str, &str)], more: &[&str]) -> (String, String, String, u64) {
    let platform = Platform::start();
    let _seller = platform.seller_with("seller", &index::empty());
    let buyer = platform.buyer();
    buyer.ok(&["wallet", "deposit", "1", "USDC"]);
    let folder = jobs::configured(&platform, "job", script, config);
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
    let job = buyer.submit(&folder, &[&["--image", "python"], more].concat());
    let done = buyer.reaches(&job, &["completed", "refunded"]);
    let (charged, (reason, class)) = (units(&done, "charged"), why(&done["ending"]));
    assert_eq!(buyer.balance("USDC"), (DEPOSIT - charged, 0));
    // a node that is well takes the next one
    let next = buyer.submit(&jobs::script(&platform, "next", jobs::SUM), &["--image", "python"]);
    buyer.reaches(&next, &["completed"]);
    let state = done["state"].as_str().unwrap().to_owned();
    (state, reason, class, charged)
}

fn owned(state: &str, reason: &str, class: &str) -> (String, String, String) {
    (state.to_owned(), reason.to_owned(), class.to_owned())
}

const CONFIG: &str = r#"{ "gpu_type": "cpu", "max_price": 0.10, "timeout": 60 }"#;

#[test]
fn an_infinite_loop_ends_at_its_timeout_and_is_paid() {
    let config = r#"{ "gpu_type": "cpu", "max_price": 0.10, "timeout": 4 }"#;
    let (state, reason, class, charged) = ends(config, "while True: pass", &[], &[]);
    assert_eq!((state, reason, class), owned("completed", "timeout", ""));
    assert!(charged > 0);
}

#[test]
fn a_script_that_takes_too_much_memory_is_told_so() {
    let script = "hoard = []\nwhile True: hoard.append(bytearray(8 << 20))";
    let (state, reason, class, charged) = ends(CONFIG, script, &[], &["--memory", "0.25"]);
    assert_eq!((state, reason, class), owned("refunded", "out_of_memory", "user"));
    assert_eq!(charged, 0);
}

#[test]
fn requirements_that_do_not_install_cost_nothing() {
    let files = [("requirements.txt", "no-such-package-as-this-one==9.9.9\n")];
    let (state, reason, class, charged) = ends(CONFIG, "print('never')", &files, &[]);
    assert_eq!((state, reason, class), owned("refunded", "requirements", "user"));
    assert_eq!(charged, 0);
}

#[test]
fn a_declared_output_that_is_missing_is_the_scripts_fault() {
    let (state, reason, class, _) = ends(CONFIG, "print('done')", &[], &["--expect", "model.pt"]);
    assert_eq!((state, reason, class), owned("refunded", "no_output", "user"));
}
