//! Writes result files: `/out/hello.txt`, `/out/nested/stdin.bin` (a copy of stdin) and `/out/empty`.
//! With a number N as first argument also `/out/zeros`, N bytes long.

use std::fs::{self, File};
use std::io::{self, Read};

fn main() -> io::Result<()> {
    fs::write("/out/hello.txt", "hello\n")?;
    fs::create_dir_all("/out/nested")?;
    io::copy(&mut io::stdin().lock(), &mut File::create("/out/nested/stdin.bin")?)?;
    fs::write("/out/empty", "")?;
    let zeros = test_guests::number(1, 0);
    if zeros > 0 {
        io::copy(&mut io::repeat(0).take(zeros), &mut File::create("/out/zeros")?)?;
    }
    Ok(())
}
