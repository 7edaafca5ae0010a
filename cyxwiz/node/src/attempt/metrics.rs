//! The script's metrics file, followed while it grows.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use cyxwiz_model::FilePath;
use cyxwiz_proto::v1;
use serde_json::Value;

use super::spool::Spool;
use crate::files::open_file;

/// The file's name in its folder.
pub(super) const FILE: &str = "metrics.jsonl";
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(150);
/// Bytes of one look; the rest comes with the next.
const MOST: u64 = 256 << 10;
/// Bytes of one line; a longer one is left out.
const MAX_LINE: usize = 16 << 10;
/// Numbers of one line.
const MAX_VALUES: usize = 64;
const MAX_NAME: usize = 64;

/// Reads a growing file line by line.
#[derive(Default)]
struct Tail {
    file: Option<(File, u64)>,
    rest: Vec<u8>,
    told: bool,
}

/// Follows the file until `over` completes, and then to its end.
pub(super) async fn follow(folder: &Path, spool: &Spool, over: impl Future<Output = ()>) {
    let Ok(path) = FILE.parse::<FilePath>() else { return };
    let mut tail = Tail::default();
    tokio::pin!(over);
    loop {
        let last = tokio::select! {
            () = &mut over => true,
            () = tokio::time::sleep(LOOK) => false,
        };
        while tail.look(folder, &path, spool) {}
        if last {
            return;
        }
    }
}

impl Tail {
    /// Reads what is new; tells whether there may be more at once.
    fn look(&mut self, folder: &Path, path: &FilePath, spool: &Spool) -> bool {
        if self.file.is_none() {
            // a file that is none, or a link, is no metrics file
            self.file = open_file(folder, path).ok().and_then(|file| {
                let inode = file.metadata().ok()?.ino();
                Some((file, inode))
            });
        }
        let Some((file, inode)) = &mut self.file else { return false };
        let mut bytes = Vec::new();
        let read = file.take(MOST).read_to_end(&mut bytes).unwrap_or(0);
        self.rest.extend_from_slice(&bytes);
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            match parse(&line) {
                Some(progress) => spool.progress(progress),
                None if self.told || line.iter().all(u8::is_ascii_whitespace) => {}
                None => {
                    self.told = true;
                    spool.system(
                        "a line of the metrics file is no JSON object of numbers: left out, as all like it",
                    );
                }
            }
        }
        if self.rest.len() > MAX_LINE {
            self.rest.clear();
        }
        if read == 0 {
            // written anew under the same name: begin again
            let current = open_file(folder, path).ok().and_then(|file| file.metadata().ok());
            if current.is_some_and(|current| current.ino() != *inode) {
                self.file = None;
                self.rest.clear();
                return true;
            }
        }
        read as u64 == MOST
    }
}

/// Parses `{"step": 1, "total": 10, "loss": 0.5}`.
fn parse(line: &[u8]) -> Option<v1::Progress> {
    if line.len() > MAX_LINE {
        return None;
    }
    let Value::Object(object) = serde_json::from_slice(line).ok()? else { return None };
    let number = |value: &Value| value.as_f64().filter(|number| number.is_finite());
    let mut progress = v1::Progress {
        step: object.get("step").and_then(number),
        total: object.get("total").and_then(number),
        ..Default::default()
    };
    for (name, value) in &object {
        let own = !matches!(name.as_str(), "step" | "total") && name.len() <= MAX_NAME;
        if let Some(number) = number(value).filter(|_| own && progress.values.len() < MAX_VALUES) {
            progress.values.insert(name.clone(), number);
        }
    }
    let says = progress.step.is_some() || progress.total.is_some() || !progress.values.is_empty();
    says.then_some(progress)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_numbers() {
        let progress = parse(br#"{"step": 3, "total": 10, "loss": 0.25, "name": "x", "ok": true}"#).unwrap();
        assert_eq!((progress.step, progress.total, progress.values.len()), (Some(3.0), Some(10.0), 1));
        assert_eq!(progress.values.get("loss"), Some(&0.25));
        for line in ["", "[1]", "{}", "{\"loss\": NaN}", "{\"a\": \"b\"}", "garbage"] {
            assert!(parse(line.as_bytes()).is_none(), "{line}");
        }
        let many: String = (0..200).map(|n| format!("\"v{n}\":1,")).collect();
        assert_eq!(parse(format!("{{{many}\"step\":1}}").as_bytes()).unwrap().values.len(), MAX_VALUES);
    }
}
