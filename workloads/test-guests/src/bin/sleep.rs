//! Blocks in one host call for the milliseconds given (default: one hour), after the line `sleeping` on stdout.

use std::time::Duration;

fn main() {
    println!("sleeping");
    std::thread::sleep(Duration::from_millis(test_guests::number(1, 3_600_000)));
    println!("awake");
}
