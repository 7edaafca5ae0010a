//! `generate [--seed N] [--bytes N] [--sensors N] [--bad-per-mille N] > events.jsonl`
//! `generate --lookup [--seed N] [--sensors N] > lookup.csv`

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use generate::{Options, events, lookup};

const USAGE: &str = "usage: generate [--lookup] [--seed N] [--bytes N] [--sensors N] [--bad-per-mille N]";

fn main() -> ExitCode {
    let mut options = Options::default();
    let mut table = false;
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        if name == "--lookup" {
            table = true;
            continue;
        }
        let number = args.next().and_then(|text| text.parse::<u64>().ok());
        match (name.as_str(), number) {
            ("--seed", Some(n)) => options.seed = n,
            ("--bytes", Some(n)) => options.bytes = n,
            ("--sensors", Some(n @ 1..=99_999)) => options.sensors = n,
            ("--bad-per-mille", Some(n @ 0..=1000)) => options.bad_per_mille = n,
            _ => {
                eprintln!("{USAGE}");
                return ExitCode::from(64);
            }
        }
    }
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    let write = if table { lookup } else { events };
    match write(&options, &mut out).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
