//! Looks at the clocks: prints `ok: …` for each that is as WASI has it, else tells on stderr and exits 1.

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

type Check = fn() -> bool;

fn main() -> ExitCode {
    let checks: [(&str, Check); 3] = [
        ("the monotonic clock never goes back", monotonic),
        ("a sleep lasts no shorter than asked", sleeps),
        ("the wall clock is of this century", wall),
    ];
    for (name, check) in checks {
        if !check() {
            eprintln!("not so: {name}");
            return ExitCode::FAILURE;
        }
        println!("ok: {name}");
    }
    ExitCode::SUCCESS
}

fn monotonic() -> bool {
    let mut last = Instant::now();
    (0..10_000).all(|_| {
        let now = Instant::now();
        now >= std::mem::replace(&mut last, now)
    })
}

fn sleeps() -> bool {
    let (begun, time) = (Instant::now(), Duration::from_millis(20));
    std::thread::sleep(time);
    begun.elapsed() >= time
}

fn wall() -> bool {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let years = since.as_secs() / (365 * 86_400);
    (30..130).contains(&years)
}
