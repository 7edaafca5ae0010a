//! What people hand in: prices nobody takes, odd names, empty files, scripts that leave nothing or are killed.

use std::fs;

use e2e::market::{Platform, jobs, units, why};

const DEPOSIT: u64 = 1_000_000;

#[test]
fn what_nothing_can_run_is_said_at_once_with_what_comes_nearest() {
    let platform = Platform::start();
    let _seller = platform.seller("seller");
    let buyer = platform.buyer();
    buyer.ok(&["wallet", "deposit", "1", "USDC"]);
    let folder = jobs::script(&platform, "sum", jobs::SUM);
    let own = ["submit", folder.to_str().unwrap(), "--yes", "--image", "python", "--disk", "1"];
    for (more, says) in [
        (&["--max-price", "0.01"][..], "0.05 $/h"),
        (&["--gpu-type", "rtx4090"], "rtx4090"),
        (&["--memory", "4000"], "memory"),
    ] {
        let (code, said) = buyer.fails(&[&own, more].concat());
        let last = said.lines().last().unwrap();
        assert!(code == 1 && last.starts_with("error: nothing matches this job"), "{more:?}: {said}");
        assert!(said.contains(says), "{more:?}: {said}");
    }
    assert_eq!(buyer.json(&["jobs"])["jobs"].as_array().unwrap().len(), 0);
    assert_eq!(buyer.balance("USDC"), (DEPOSIT, 0));
}

#[test]
fn odd_names_and_empty_files_travel_as_they_are() {
    const COPY: &str = r#"
import os, pathlib, shutil
shutil.copytree("/job/data", pathlib.Path(os.environ["CYX_OUTPUT_DIR"], "copy"))
"#;
    let platform = Platform::start();
    let _seller = platform.seller("seller");
    let buyer = platform.buyer();
    buyer.ok(&["wallet", "deposit", "1", "USDC"]);
    let folder = jobs::script(&platform, "names", COPY);
    let long = format!("{}.txt", "ü".repeat(100));
    let names =
        ["naïve 🦀 (1).txt", "-rf", "空/$(id) `id`", "'; DROP TABLE jobs; --", "empty", "%2e%2e", &long];
    for name in names {
        let file = folder.join("data").join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, if name == "empty" { "" } else { name }).unwrap();
    }
    let job = buyer.submit(&folder, &["--image", "python"]);
    buyer.reaches(&job, &["completed"]);
    let results = platform.folder("results");
    buyer.ok(&["results", &job, "--to", results.to_str().unwrap()]);
    for name in names {
        let text = fs::read_to_string(results.join("copy").join(name)).unwrap();
        assert_eq!(text, if name == "empty" { "" } else { name });
    }
}

#[test]
fn a_script_that_leaves_nothing_is_paid_and_one_that_is_killed_is_not() {
    let platform = Platform::start();
    let _seller = platform.seller("seller");
    let buyer = platform.buyer();
    buyer.ok(&["wallet", "deposit", "1", "USDC"]);
    let job = buyer
        .submit(&jobs::script(&platform, "silent", "import time; time.sleep(1)"), &["--image", "python"]);
    let done = buyer.reaches(&job, &["completed"]);
    let charged = units(&done, "charged");
    assert!(charged > 0);
    let results = platform.folder("results");
    let (_, said) = buyer.fails(&["results", &job, "--to", results.to_str().unwrap()]);
    assert!(said.contains("the run left no outputs"), "{said}");
    let killed = "import os, signal; print('goes', flush=True); os.kill(os.getpid(), signal.SIGKILL)";
    let job = buyer.submit(&jobs::script(&platform, "killed", killed), &["--image", "python"]);
    let done = buyer.reaches(&job, &["refunded"]);
    assert_eq!(why(&done["ending"]), ("signal".to_owned(), "user".to_owned()));
    let told = buyer.told(&job);
    for line in [
        "refunded: signal, the job's own fault\n",
        "why       it was ended by a fault of its own: ",
        "paid      nobody: ",
    ] {
        assert!(told.contains(line), "not told: {line}\n{told}");
    }
    assert_eq!(buyer.balance("USDC"), (DEPOSIT - charged, 0));
}
