//! `event-transform [--window-secs N] [--lateness-secs N] < events.jsonl > enriched.jsonl`

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use event_transform::lines::for_each_line;
use event_transform::store::{Opened, open};
use event_transform::transform::{Options, Transform};

/// Large enough that host calls cost little.
const BUFFER: usize = 256 * 1024;

const USAGE: &str = "usage: event-transform [--window-secs N] [--lateness-secs N] < events.jsonl";

fn main() -> ExitCode {
    let Some(options) = parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(64);
    };
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut args: impl Iterator<Item = String>) -> Option<Options> {
    let mut options = Options::default();
    while let Some(name) = args.next() {
        let millis = args.next()?.parse::<u32>().ok().map(|n| i64::from(n) * 1000)?;
        match name.as_str() {
            "--window-secs" if millis > 0 => options.window_ms = millis,
            "--lateness-secs" => options.lateness_ms = millis,
            _ => return None,
        }
    }
    Some(options)
}

fn run(options: Options) -> io::Result<()> {
    let source = match open("lookup").map_err(io::Error::other)? {
        Opened::Bound(bucket) => Some(bucket),
        Opened::NotBound => {
            eprintln!("no state is bound as `lookup`: running without the join");
            None
        }
    };
    let windows = BufWriter::new(File::create("/out/windows.jsonl")?);
    let output = BufWriter::with_capacity(BUFFER, io::stdout().lock());
    let mut transform = Transform::new(options, source, output, windows);
    for_each_line(io::stdin().lock(), |line| transform.line(&line))?;
    let summary = transform.finish()?;
    let mut file = File::create("/out/summary.json")?;
    serde_json::to_writer_pretty(&mut file, &summary)?;
    file.write_all(b"\n")
}
