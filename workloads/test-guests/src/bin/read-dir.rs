//! One file operation: `list PATH`, `read PATH`, `write PATH TEXT`, `remove PATH`, `mkdir PATH`.
//! Prints the result; on failure prints `error: KIND` (a `std::io::ErrorKind`) on stdout and exits 1.

use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["list", path] => list(path),
        ["read", path] => fs::read(path).and_then(|bytes| io::stdout().write_all(&bytes)),
        ["write", path, text] => fs::write(path, text),
        ["remove", path] => fs::remove_file(path),
        ["mkdir", path] => fs::create_dir(path),
        _ => return test_guests::usage("list|read|write|remove|mkdir PATH [TEXT]"),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {:?}", error.kind());
            ExitCode::FAILURE
        }
    }
}

fn list(path: &str) -> io::Result<()> {
    let mut names = fs::read_dir(path)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort();
    for name in names {
        println!("{name}");
    }
    Ok(())
}
