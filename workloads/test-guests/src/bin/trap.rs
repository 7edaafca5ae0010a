//! Executes `unreachable`, after the line `before` on stdout.

fn main() {
    println!("before");
    std::process::abort();
}
