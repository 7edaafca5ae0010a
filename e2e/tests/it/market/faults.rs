//! Scripts that do what scripts do: hang, take too much, ask for what is not there.

use std::fs;

use e2e::market::{Platform, jobs, units, why};

use super::index;

const DEPOSIT: u64 = 1_000_000;

/// What became of a job: its state, why it ended, whose fault that was; what it cost, and what its buyer was told.
struct End {
    ending: (String, String, String),
    charged: u64,
    told: String,
}

impl End {
    /// One clear line says why, with what to do about it; another who paid.
    #[track_caller]
    fn says(&self, lines: &[&str]) {
        assert_eq!(self.told.matches("\nwhy       ").count(), 1, "{}", self.told);
        for line in lines {
            assert!(self.told.contains(line), "not told: {line}\n{}", self.told);
        }
    }
}

/// Has a job run to its end, and another one after it.
fn ends(config: &str, script: &str, files: &[(&str, &str)], more: &[&str]) -> End {
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
    let told = buyer.told(&job);
    assert_eq!(buyer.balance("USDC"), (DEPOSIT - charged, 0));
    // a node that is well takes the next one
    let next = buyer.submit(&jobs::script(&platform, "next", jobs::SUM), &["--image", "python"]);
    buyer.reaches(&next, &["completed"]);
    let state = done["state"].as_str().unwrap().to_owned();
    End { ending: (state, reason, class), charged, told }
}

fn owned(state: &str, reason: &str, class: &str) -> (String, String, String) {
    (state.to_owned(), reason.to_owned(), class.to_owned())
}

const CONFIG: &str = r#"{ "gpu_type": "cpu", "max_price": 0.10, "timeout": 60 }"#;

#[test]
fn an_infinite_loop_ends_at_its_timeout_and_is_paid() {
    let config = r#"{ "gpu_type": "cpu", "max_price": 0.10, "timeout": 4 }"#;
    let end = ends(config, "while True: pass", &[], &[]);
    assert_eq!(end.ending, owned("completed", "timeout", ""));
    assert!(end.charged > 0);
    end.says(&[
        "completed: timeout\n",
        "why       it ran for the 4 s that it may: ask for more with `timeout`\n",
        " to the node, ",
    ]);
}

#[test]
fn a_script_that_takes_too_much_memory_is_told_so() {
    let script = "hoard = []\nwhile True: hoard.append(bytearray(8 << 20))";
    let end = ends(CONFIG, script, &[], &["--memory", "0.25"]);
    assert_eq!(end.ending, owned("refunded", "out_of_memory", "user"));
    assert_eq!(end.charged, 0);
    end.says(&[
        "refunded: out of memory, the job's own fault\n",
        " MiB of memory that it asked for: ask for more\n",
        "paid      nobody: ",
    ]);
}

#[test]
fn requirements_that_do_not_install_cost_nothing() {
    let files = [("requirements.txt", "no-such-package-as-this-one==9.9.9\n")];
    let end = ends(CONFIG, "print('never')", &files, &[]);
    assert_eq!(end.ending, owned("refunded", "requirements", "user"));
    assert_eq!(end.charged, 0);
    end.says(&[
        "refunded: requirements, the job's own fault\n",
        "why       requirements.txt was not installed: pip ended with code 1: its last lines say why",
        "paid      nobody: ",
    ]);
}

#[test]
fn a_declared_output_that_is_missing_is_the_scripts_fault() {
    let end = ends(CONFIG, "print('done')", &[], &["--expect", "model.pt"]);
    assert_eq!(end.ending, owned("refunded", "no_output", "user"));
    end.says(&[
        "refunded: no output, exit code 0, the job's own fault\n",
        "why       it ended well but left no `model.pt` in $CYX_OUTPUT_DIR\n",
        "paid      nobody: ",
    ]);
}
