//! Prints its arguments and its environment, a line each, sorted, as `arg N=VALUE` and `env NAME=VALUE`.

fn main() {
    for (n, arg) in std::env::args().enumerate() {
        println!("arg {n}={arg}");
    }
    let mut vars: Vec<_> = std::env::vars().collect();
    vars.sort();
    for (name, value) in vars {
        println!("env {name}={value}");
    }
}
