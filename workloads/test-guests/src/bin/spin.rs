//! Loops for ever without a host call, after the line `spinning` on stdout.

use std::hint::black_box;

fn main() {
    println!("spinning");
    let mut n: u64 = 0;
    loop {
        n = black_box(n).wrapping_add(1);
    }
}
