//! Jobs on disk, each small enough to read here.

use std::{fs, path::PathBuf};

use super::platform::Platform;

const CONFIG: &str = r#"{ "gpu_type": "cpu", "max_price": 0.10, "timeout": 120 }"#;

/// Writes a job whose script is this; `config` stands beside it.
#[must_use]
pub fn script(platform: &Platform, name: &str, script: &str) -> PathBuf {
    configured(platform, name, script, CONFIG)
}

/// The same with this `config.json`.
#[must_use]
pub fn configured(platform: &Platform, name: &str, script: &str, config: &str) -> PathBuf {
    let job = platform.folder(name);
    fs::create_dir_all(job.join("data")).unwrap();
    fs::write(job.join("data/numbers.txt"), "1 2 3 4\n").unwrap();
    fs::write(job.join("training_script.py"), script).unwrap();
    fs::write(job.join("config.json"), config).unwrap();
    job
}

/// Adds up its data and says so.
pub const SUM: &str = r#"
import json, os, pathlib
numbers = [int(n) for n in pathlib.Path("/job/data/numbers.txt").read_text().split()]
metrics = open(os.environ["CYX_METRICS"], "a", buffering=1)
for step, number in enumerate(numbers, 1):
    print("adds", number)
    metrics.write(json.dumps({"step": step, "total": len(numbers), "sum": sum(numbers[:step])}) + "\n")
pathlib.Path(os.environ["CYX_OUTPUT_DIR"], "sum.txt").write_text(str(sum(numbers)))
"#;

/// Counts to sixty, a number a second, and goes on where its checkpoint says, then with pauses of its own.
pub const COUNT: &str = r#"
import os, pathlib, time
checkpoints, output = (pathlib.Path(os.environ[name]) for name in ("CYX_CHECKPOINT_DIR", "CYX_OUTPUT_DIR"))
kept = checkpoints / "count"
start = int(kept.read_text()) if kept.exists() else 0
pause = os.environ.get("PAUSE", "1")
pause = float(os.environ.get("PAUSE_AGAIN", pause) if start else pause)
print("goes on from", start)
for number in range(start, int(os.environ.get("UNTIL", "60"))):
    print("count", number + 1)
    (checkpoints / "count.part").write_text(str(number + 1))
    (checkpoints / "count.part").rename(kept)
    time.sleep(pause)
(output / "count.txt").write_text(kept.read_text())
"#;

/// Fails by its own fault.
pub const FAILS: &str = r#"
import os, pathlib, time
pathlib.Path(os.environ["CYX_OUTPUT_DIR"], "half.txt").write_text("half a result")
print("about to fail")
time.sleep(1)
raise SystemExit(3)
"#;
