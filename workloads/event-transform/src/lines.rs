//! Splits a stream into lines without copying them and without trusting their length.

use std::io::{self, Read};

/// The longest line that is read; a longer one is skipped to its end and reported.
pub const MAX_LINE: usize = 64 * 1024;

const BUFFER: usize = 256 * 1024;

/// One line of the input.
pub enum Line<'a> {
    /// The bytes without the line feed.
    Text(&'a [u8]),
    /// A line of more than [`MAX_LINE`] bytes.
    TooLong,
}

/// Calls `each` for every line; the last one needs no line feed.
pub fn for_each_line(
    mut reader: impl Read,
    mut each: impl FnMut(Line<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    let mut filled = 0;
    let mut skipping = false;
    loop {
        let read = match buffer.get_mut(filled..) {
            Some(free) => reader.read(free)?,
            None => 0,
        };
        if read == 0 {
            break;
        }
        filled += read;
        let mut rest = buffer.get(..filled).unwrap_or_default();
        while let Some(at) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(at);
            if !std::mem::take(&mut skipping) {
                each(measured(line))?;
            }
            rest = after.get(1..).unwrap_or_default();
        }
        if !skipping && rest.len() > MAX_LINE {
            each(Line::TooLong)?;
            skipping = true;
        }
        let kept = if skipping { 0 } else { rest.len() };
        buffer.copy_within(filled - kept..filled, 0);
        filled = kept;
    }
    match buffer.get(..filled) {
        Some(line) if !line.is_empty() => each(measured(line)),
        _ => Ok(()),
    }
}

fn measured(line: &[u8]) -> Line<'_> {
    if line.len() > MAX_LINE { Line::TooLong } else { Line::Text(line) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that gives at most `step` bytes a call.
    struct Dribble<'a>(&'a [u8], usize);

    impl Read for Dribble<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(to.len());
            self.0.by_ref().take(n as u64).read(to)
        }
    }

    fn split(input: &[u8], step: usize) -> Vec<Option<usize>> {
        let mut seen = Vec::new();
        for_each_line(Dribble(input, step), |line| {
            seen.push(match line {
                Line::Text(text) => Some(text.len()),
                Line::TooLong => None,
            });
            Ok(())
        })
        .unwrap();
        seen
    }

    #[test]
    fn any_read_size_gives_the_same_lines() {
        let input = b"one\n\nthree\nlast";
        for step in [1, 2, 3, 7, 1000] {
            assert_eq!(split(input, step), [Some(3), Some(0), Some(5), Some(4)]);
        }
    }

    #[test]
    fn a_long_line_is_one_report_and_harms_no_neighbour() {
        for long in [MAX_LINE + 1, BUFFER, 3 * BUFFER + 5] {
            let mut input = b"a\n".to_vec();
            input.extend(vec![b'x'; long]);
            input.extend(b"\nbc\n");
            for step in [1000, 65_536, usize::MAX] {
                assert_eq!(split(&input, step), [Some(1), None, Some(2)], "{long} {step}");
            }
        }
        assert_eq!(split(&vec![b'x'; 2 * BUFFER], 4096), [None]);
        assert_eq!(split(&vec![b'x'; MAX_LINE], 4096), [Some(MAX_LINE)]);
    }
}
