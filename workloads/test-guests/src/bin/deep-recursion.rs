//! Recurses until the call stack is used up, or to the depth given as first argument; then prints a number.

/// Neither a tail call nor an associative step: it stays a recursion.
#[inline(never)]
fn descend(left: u64) -> u64 {
    if left == 0 {
        return 1;
    }
    descend(left - 1).wrapping_mul(31) ^ left
}

fn main() {
    println!("{}", descend(test_guests::number(1, u64::MAX)));
}
