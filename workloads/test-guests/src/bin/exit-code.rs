//! Exits with the code given as first argument. A component can only say 0 or 1: `wasi:cli/exit@0.2` has no more.

fn main() {
    let code = u8::try_from(test_guests::number(1, 0)).unwrap_or(u8::MAX);
    std::process::exit(i32::from(code));
}
