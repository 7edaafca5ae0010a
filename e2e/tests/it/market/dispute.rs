use std::{
    fs,
    path::{Path, PathBuf},
};

use e2e::market::{Buyer, Closed, Platform, jobs, units, why};

/// Time to look at a result, and for the one that is not disputed to be settled.
const WINDOW: &str = "--dispute-window-seconds=15";

/// The files below a folder that have this content.
fn holding(folder: &Path, content: &[u8]) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| {
        if path.is_dir() {
            holding(&path, content)
        } else {
            let found = fs::read(&path).is_ok_and(|bytes| bytes == content);
            found.then_some(path).into_iter().collect()
        }
    };
    entries.flat_map(below).collect()
}

fn verified(platform: &Platform, buyer: &Buyer, name: &str, result: &str) -> String {
    let script = format!(
        "import os, pathlib\npathlib.Path(os.environ['CYX_OUTPUT_DIR'], 'model.txt').write_text('{result}')"
    );
    let job = buyer.submit(&jobs::script(platform, name, &script), &["--image", "python"]);
    buyer.reaches(&job, &["verifying"]);
    job
}

#[test]
fn a_dispute_is_upheld_where_the_result_is_gone_and_refused_where_it_is_there() {
    let platform = Platform::with([WINDOW]);
    let _seller = platform.seller("seller");
    let buyer = platform.buyer();
    buyer.ok(&["wallet", "deposit", "1", "USDC"]);

    let job = verified(&platform, &buyer, "spoilt", "weights that are spoilt");
    // the platform's disk gives other bytes than it was given
    let stored = holding(&platform.server.data().join("objects"), b"weights that are spoilt");
    assert_eq!(stored.len(), 1);
    fs::write(&stored[0], "weights that were spoil").unwrap();
    let (_, said) =
        buyer.fails(&["results", &job, "--to", platform.folder("spoilt-results").to_str().unwrap()]);
    assert!(said.contains("model.txt"), "{said}");
    let said = buyer.ok(&["dispute", &job, "the digest is wrong"]);
    assert!(
        said.contains("1 outputs are no longer on the platform as they were sent: model.txt\n"),
        "{said}"
    );
    assert!(said.ends_with(&format!("{job}: upheld: everything comes back\n")), "{said}");
    let done = buyer.reaches(&job, &["refunded"]);
    assert_eq!(why(&done["ending"]), ("dispute".to_owned(), "platform".to_owned()));
    assert_eq!(platform.closings(&job), [Closed::GivenBack(units(&done, "deposit"))]);
    assert_eq!(buyer.balance("USDC"), (1_000_000, 0));
    let told = buyer.told(&job);
    assert!(
        told.contains("why       disputed: the evidence is against the run, so everything goes back\n"),
        "{told}"
    );
    assert!(told.contains("paid      nobody: "), "{told}");
    let (_, said) = buyer.fails(&["dispute", &job, "once more"]);
    assert!(said.contains("can be disputed only between its end and its settlement"), "{said}");

    let job = verified(&platform, &buyer, "sound", "weights that are sound");
    let said = buyer.ok(&["dispute", &job, "I do not like it"]);
    assert!(said.contains("1 outputs are stored with the digests that the node named\n"), "{said}");
    assert!(said.ends_with(&format!("{job}: not upheld: the job is settled\n")), "{said}");
    let done = buyer.reaches(&job, &["completed"]);
    let (charged, node) = (units(&done, "charged"), units(&done, "node"));
    let paid = Closed::Paid { node, platform: charged - node, refund: units(&done, "refund") };
    assert_eq!(platform.closings(&job), [paid]);
    assert_eq!(buyer.balance("USDC"), (1_000_000 - charged, 0));
}
