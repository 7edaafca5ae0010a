//! `event-transform [--window-secs N] [--lateness-secs N] < events.jsonl > enriched.jsonl`, or with files in place of
//! the two streams: `--in FILE --out FOLDER`

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use event_transform::lines::for_each_line;
use event_transform::store::{Opened, open};
use event_transform::transform::{Options, Transform};

/// Large enough that host calls cost little.
const BUFFER: usize = 256 * 1024;

/// Where results lie, unless somebody names another folder.
const RESULTS: &str = "/out";

const USAGE: &str =
    "usage: event-transform [--window-secs N] [--lateness-secs N] [--in FILE] [--out FOLDER] < events.jsonl";

/// What was asked for.
#[derive(Default)]
struct Asked {
    options: Options,
    /// A file in place of stdin.
    input: Option<PathBuf>,
    /// A folder for everything, the enriched events too.
    output: Option<PathBuf>,
}

fn main() -> ExitCode {
    let Some(asked) = parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(64);
    };
    match run(asked) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut args: impl Iterator<Item = String>) -> Option<Asked> {
    let mut asked = Asked::default();
    while let Some(name) = args.next() {
        let value = args.next()?;
        let millis = || value.parse::<u32>().ok().map(|n| i64::from(n) * 1000);
        match name.as_str() {
            "--window-secs" => asked.options.window_ms = millis().filter(|window| *window > 0)?,
            "--lateness-secs" => asked.options.lateness_ms = millis()?,
            "--in" => asked.input = Some(value.into()),
            "--out" => asked.output = Some(value.into()),
            _ => return None,
        }
    }
    Some(asked)
}

fn run(asked: Asked) -> io::Result<()> {
    let source = match open("lookup").map_err(io::Error::other)? {
        Opened::Bound(bucket) => Some(bucket),
        Opened::NotBound => {
            eprintln!("no state is bound as `lookup`: running without the join");
            None
        }
    };
    let input: Box<dyn Read> = match &asked.input {
        Some(path) => Box::new(File::open(path)?),
        None => Box::new(io::stdin().lock()),
    };
    let results = asked.output.as_deref().unwrap_or(Path::new(RESULTS));
    let events: Box<dyn Write> = match &asked.output {
        Some(folder) => Box::new(File::create(folder.join("enriched.jsonl"))?),
        None => Box::new(io::stdout().lock()),
    };
    let windows = BufWriter::new(File::create(results.join("windows.jsonl"))?);
    let output = BufWriter::with_capacity(BUFFER, events);
    let mut transform = Transform::new(asked.options, source, output, windows);
    for_each_line(input, |line| transform.line(&line))?;
    let summary = transform.finish()?;
    let mut file = File::create(results.join("summary.json"))?;
    serde_json::to_writer_pretty(&mut file, &summary)?;
    file.write_all(b"\n")?;
    if asked.output.is_some() {
        println!("{} events of {} lines", summary.events, summary.lines);
    }
    Ok(())
}
