//! Recurses until the stack is used up, or to the depth given as first argument; then prints the depth.

use std::hint::black_box;

fn descend(left: u64) -> u64 {
    if left == 0 {
        return 0;
    }
    let frame = black_box([left; 32]);
    descend(left - 1) + black_box(frame).first().map_or(0, |_| 1)
}

fn main() {
    println!("{}", descend(test_guests::number(1, u64::MAX)));
}
