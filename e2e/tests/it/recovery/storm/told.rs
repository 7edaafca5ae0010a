use std::{
    collections::HashMap,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use vyr_sdk::control::TaskStatus;

use crate::support::shown;

/// The list of what the node told its callers, in a file.
pub(super) struct Log {
    path: PathBuf,
    file: Mutex<File>,
    acknowledged: AtomicU64,
}

/// What callers heard of a task that was acknowledged.
pub(super) struct Told {
    pub(super) name: String,
    /// Its cancelling was acknowledged.
    pub(super) cancelled: bool,
    /// The end that was shown.
    pub(super) end: Option<String>,
}

impl Log {
    pub(super) fn create(path: &Path) -> Self {
        let file = Mutex::new(File::create(path).unwrap());
        Self { path: path.to_owned(), file, acknowledged: AtomicU64::new(0) }
    }

    pub(super) fn acknowledged(&self, task: &str, name: &str) {
        self.write("acknowledged", task, name);
        self.acknowledged.fetch_add(1, SeqCst);
    }

    pub(super) fn cancelled(&self, task: &str) {
        self.write("cancelled", task, "");
    }

    pub(super) fn ended(&self, status: &TaskStatus) {
        self.write("ended", &status.task_id, &shown(status));
    }

    fn write(&self, what: &str, task: &str, more: &str) {
        writeln!(self.file.lock().unwrap(), "{what} {task} {more}").unwrap();
    }

    /// Returns how many tasks were acknowledged.
    pub(super) fn count(&self) -> u64 {
        self.acknowledged.load(SeqCst)
    }

    /// Reads what was told, by task.
    pub(super) fn read(&self) -> HashMap<String, Told> {
        let mut told = HashMap::new();
        for line in fs::read_to_string(&self.path).unwrap().lines() {
            let [what, task, more] = line.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
            if what == "acknowledged" {
                let new = Told { name: more.to_owned(), cancelled: false, end: None };
                assert!(told.insert(task.to_owned(), new).is_none(), "{task} was given twice");
                continue;
            }
            let known = told.get_mut(task).unwrap();
            match what {
                "cancelled" => known.cancelled = true,
                "ended" => known.end = Some(more.to_owned()),
                other => panic!("{other}"),
            }
        }
        told
    }
}
