//! Allocates and touches memory, 1 MiB at a time, up to the number of MiB given (default: without end).
//! When the host refuses more: prints `refused after N MiB` and exits 1. When it got all: `held N MiB`, exit 0.

use std::process::ExitCode;

const MIB: usize = 1 << 20;

fn main() -> ExitCode {
    let wanted = test_guests::number(1, u64::MAX);
    let mut held: Vec<Vec<u8>> = Vec::new();
    let mut n: u64 = 0;
    while n < wanted {
        let mut chunk = Vec::new();
        if chunk.try_reserve_exact(MIB).is_err() || held.try_reserve(1).is_err() {
            drop(held);
            println!("refused after {n} MiB");
            return ExitCode::FAILURE;
        }
        chunk.resize(MIB, 0xa5);
        held.push(chunk);
        n += 1;
    }
    println!("held {n} MiB");
    ExitCode::SUCCESS
}
