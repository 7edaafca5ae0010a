//! Exits with the code given as first argument, by `wasi:cli/exit.exit-with-code`: a component that says more than
//! success or failure, which the standard library's exit of a component cannot.

use component_guests::exits::wasi::cli::exit::exit_with_code;

fn main() {
    let code = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    println!("exits with {code}");
    exit_with_code(code);
    unreachable!("the host let it go on");
}
