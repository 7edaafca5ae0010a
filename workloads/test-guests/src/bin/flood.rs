//! Writes lines to stdout (or to stderr, when the first argument is `stderr`) until the host stops it.

use std::io::{self, Write};

const LINE: &[u8; 64] = b"flood flood flood flood flood flood flood flood flood flood 123\n";

fn main() -> io::Result<()> {
    let block = LINE.repeat(1024);
    let mut to: Box<dyn Write> = match std::env::args().nth(1).as_deref() {
        Some("stderr") => Box::new(io::stderr()),
        _ => Box::new(io::stdout()),
    };
    loop {
        to.write_all(&block)?;
    }
}
