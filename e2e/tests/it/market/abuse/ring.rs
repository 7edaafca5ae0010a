use std::{
    fs,
    process::{Command, Output},
};

use rustix::process::Signal;
use serde_json::{Value, json};

use e2e::market::{Buyer, Platform, Seller, jobs, units, why};

use crate::support::until;

const DEPOSIT: u64 = 1_000_000;

/// One node on which one attack runs after the other.
pub(super) struct Ring {
    pub(super) buyer: Buyer,
    seller: Seller,
    tasks: Vec<String>,
    spent: u64,
    // the last to go: its folder has the others' logs
    pub(super) platform: Platform,
}

/// What became of an attack.
#[derive(Debug)]
pub(super) struct Held {
    /// State, reason, whose fault.
    ending: (String, String, String),
    charged: u64,
    pub(super) told: String,
}

impl Held {
    /// It ran as any job, and is paid as any job.
    #[track_caller]
    pub(super) fn completed(&self, reason: &str) -> &str {
        assert_eq!(self.ending, ("completed".to_owned(), reason.to_owned(), String::new()), "{self:?}");
        assert!(self.charged > 0, "{self:?}");
        &self.told
    }

    /// It failed by its own fault: nothing is charged, and nothing delivered.
    #[track_caller]
    pub(super) fn own_fault(&self, reason: &str) -> &str {
        assert_eq!(self.ending, ("refunded".to_owned(), reason.to_owned(), "user".to_owned()), "{self:?}");
        assert_eq!(self.charged, 0, "{self:?}");
        assert!(self.told.contains("withheld, as nothing is paid for them"), "{self:?}");
        &self.told
    }
}

impl Ring {
    pub(super) fn open() -> Self {
        let platform = Platform::start();
        let seller = platform.seller("seller");
        let buyer = platform.buyer();
        buyer.ok(&["wallet", "deposit", "1", "USDC"]);
        Self { buyer, seller, tasks: Vec::new(), spent: 0, platform }
    }

    /// Submits an attack.
    pub(super) fn submit(&self, name: &str, script: &str, args: &[&str], more: &[&str]) -> String {
        let folder = jobs::script(&self.platform, name, script);
        // JSON is YAML, too
        let settings = json!({ "gpu_type": "cpu", "max_price": "0.10", "timeout": 240, "args": args });
        fs::write(folder.join("cyxwiz.yml"), settings.to_string()).unwrap();
        self.buyer.submit(&folder, &[&["--image", "python"], more].concat())
    }

    /// Waits for its end.
    pub(super) fn ends(&mut self, job: &str) -> Held {
        let done = self.buyer.reaches(job, &["completed", "refunded"]);
        // an attack is no reason to try another node; one that has no place yet may have said so before
        let attempts = done["attempts"].as_array().unwrap();
        let ran: Vec<_> = attempts.iter().filter_map(|attempt| attempt["task_id"].as_str()).collect();
        assert_eq!(ran.len(), 1, "{done:#}");
        self.tasks.push(ran[0].to_owned());
        let (charged, (reason, class)) = (units(&done, "charged"), why(&done["ending"]));
        self.spent += charged;
        let state = done["state"].as_str().unwrap().to_owned();
        Held { ending: (state, reason, class), charged, told: self.buyer.told(job) }
    }

    pub(super) fn runs(&mut self, name: &str, script: &str, args: &[&str], more: &[&str]) -> Held {
        let job = self.submit(name, script, args, more);
        self.ends(&job)
    }

    /// After all of them: the node takes an ordinary job, the money is where it belongs, and nothing is left.
    pub(super) fn ends_well(mut self) {
        let told = self.runs("sum", jobs::SUM, &[], &[]);
        assert!(told.completed("succeeded").contains("adds 4"), "{told:?}");
        assert_eq!(self.buyer.balance("USDC"), (DEPOSIT - self.spent, 0));

        for task in &self.tasks {
            assert_eq!(containers_of(task), Vec::<Value>::new());
        }
        let attempts = self.seller.home.join("attempts");
        until("no attempt's folder is left", || fs::read_dir(&attempts).unwrap().count() == 0);
        // an idle agent forgets the programs of old jobs, at its start for one
        self.seller.signal(Signal::TERM);
        self.seller.ended();
        self.seller.run();
        self.seller.available();
        until("the store is tidy", || {
            let kept = self.seller.vyr(&["artifact", "ls", "-o", "json"]);
            !kept.contains("sha256:")
        });
    }
}

/// The containers that the engine has of a task, running or not.
fn containers_of(task: &str) -> Vec<Value> {
    let socket = std::env::var("CYXWIZ_DOCKER").unwrap();
    let filters = json!({ "label": [format!("org.cyxwiz.task={task}")] }).to_string();
    let Output { status, stdout, .. } = Command::new("curl")
        .args(["-sS", "--fail", "--unix-socket", &socket, "-G", "--data-urlencode"])
        .args([format!("filters={filters}"), "-d".to_owned(), "all=true".to_owned()])
        .arg("http://engine/v1.41/containers/json")
        .output()
        .unwrap();
    assert!(status.success());
    serde_json::from_slice(&stdout).unwrap()
}
