//! Reads stdin in pieces of odd sizes. Writes each of its lines to stdout and to stderr in turns, the first one to
//! stdout, then `END N` to stderr, N being the bytes read; no line end is added or lost.

use std::io::{self, Read, Write};

fn main() -> io::Result<()> {
    let (mut stdin, mut bytes, mut piece) = (io::stdin().lock(), Vec::new(), [0; 4099]);
    for size in [1, 2, 3, 5, 7, 4099].into_iter().cycle() {
        let room = piece.get_mut(..size).unwrap_or_default();
        match stdin.read(room)? {
            0 => break,
            count => bytes.extend(room.iter().take(count)),
        }
    }
    // the end stays the end
    if stdin.read(&mut piece)? != 0 {
        return Err(io::Error::other("bytes after the end"));
    }
    for (n, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        if n % 2 == 0 {
            let mut out = io::stdout().lock();
            out.write_all(line)?;
            out.flush()?;
        } else {
            io::stderr().write_all(line)?;
        }
    }
    write!(io::stderr(), "END {}", bytes.len())
}
