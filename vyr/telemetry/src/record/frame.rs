//! Frames: `[u32 length][u32 crc32c of the bytes][bytes]`, little-endian. Pure.

use std::ops::Range;

use super::meta::looks_like_entry;

/// Bytes before a frame's content.
pub(super) const HEAD: usize = 8;

/// The largest content that a reader believes in, whatever the options of the writer were.
pub(super) const MAX_CONTENT: usize = 64 << 20;

/// Appends a frame to `buffer`.
pub(super) fn push(buffer: &mut Vec<u8>, content: &[u8]) {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    buffer.extend_from_slice(&length.to_le_bytes());
    buffer.extend_from_slice(&crc32c::crc32c(content).to_le_bytes());
    buffer.extend_from_slice(content);
}

/// Splits a frame's head into the content's length and checksum.
pub(super) fn head(bytes: &[u8]) -> Option<(usize, u32)> {
    let (head, _) = bytes.split_first_chunk::<HEAD>()?;
    let [a, b, c, d, e, f, g, h] = *head;
    Some((usize::try_from(u32::from_le_bytes([a, b, c, d])).ok()?, u32::from_le_bytes([e, f, g, h])))
}

/// Returns the content of the frame at `at`; `None` where none stands there whole.
pub(super) fn at(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let rest = bytes.get(at..)?;
    let (length, crc) = head(rest)?;
    if length == 0 || length > MAX_CONTENT {
        return None;
    }
    let content = rest.get(HEAD..HEAD + length)?;
    (crc32c::crc32c(content) == crc).then_some(content)
}

/// What a walk over a segment finds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A frame at this offset with this content.
    Frame(usize, Range<usize>),
    /// Bytes that are no frame, with a frame after them.
    Bad(Range<usize>),
    /// The end of what is valid; non-zero bytes after it are a torn write.
    End {
        /// Where the last valid frame ends.
        valid: usize,
        /// How many bytes after it are not zero padding.
        torn: usize,
    },
}

/// Finds the next frame at or after `from`. Never fails: bad bytes are stepped over.
pub(super) fn next(bytes: &[u8], from: usize) -> Found {
    if let Some(content) = at(bytes, from) {
        return Found::Frame(from, from + HEAD..from + HEAD + content.len());
    }
    match resume(bytes, from) {
        Some(good) => Found::Bad(from..good),
        None => {
            let rest = bytes.get(from..).unwrap_or_default();
            let torn = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            Found::End { valid: from, torn }
        }
    }
}

/// Finds the first valid frame after bad bytes at `from`: where the bad frame's own length
/// points, else at any byte.
fn resume(bytes: &[u8], from: usize) -> Option<usize> {
    let last = bytes.iter().rposition(|byte| *byte != 0)?;
    let (length, _) = head(bytes.get(from..)?)?;
    let skipped = from.saturating_add(HEAD).saturating_add(length);
    std::iter::once(skipped).chain(from + 1..last).find(|candidate| is_entry(bytes, *candidate))
}

/// Tells whether a valid frame with an entry stands at `candidate`.
fn is_entry(bytes: &[u8], candidate: usize) -> bool {
    let Some(rest) = bytes.get(candidate..) else { return false };
    let content = head(rest).and_then(|(length, _)| rest.get(HEAD..HEAD.checked_add(length)?));
    content.is_some_and(looks_like_entry) && at(bytes, candidate).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (Vec<u8>, Vec<usize>) {
        let mut bytes = Vec::new();
        let mut starts = Vec::new();
        for content in [&b"\x0a\x03one"[..], b"\x12\x06second", b"\x1a\x09the third"] {
            starts.push(bytes.len());
            push(&mut bytes, content);
        }
        (bytes, starts)
    }

    #[test]
    fn walks_all_frames_and_ends() {
        let (mut bytes, starts) = sample();
        bytes.extend([0; 100]);
        let mut at = 0;
        for start in starts {
            let Found::Frame(found, content) = next(&bytes, at) else { panic!("no frame at {at}") };
            assert_eq!(found, start);
            at = content.end;
        }
        assert_eq!(next(&bytes, at), Found::End { valid: at, torn: 0 });
    }

    #[test]
    fn any_flipped_byte_costs_one_frame() {
        let (clean, starts) = sample();
        for position in 0..starts[2] {
            let mut bytes = clean.clone();
            bytes[position] ^= 0x41;
            let (mut at, mut good, mut bad) = (0, 0, 0);
            loop {
                match next(&bytes, at) {
                    Found::Frame(_, content) => (good, at) = (good + 1, content.end),
                    Found::Bad(range) => (bad, at) = (bad + 1, range.end),
                    Found::End { valid, torn } => {
                        assert_eq!((valid, torn), (bytes.len(), 0));
                        break;
                    }
                }
            }
            assert_eq!((good, bad), (2, 1), "flipped byte {position}");
        }
    }

    #[test]
    fn a_torn_tail_is_an_end() {
        let (bytes, starts) = sample();
        for cut in starts[2] + 1..bytes.len() {
            let Found::End { valid, torn } = next(&bytes[..cut], starts[2]) else { panic!("cut {cut}") };
            assert_eq!(valid, starts[2]);
            assert!(torn > 0);
        }
    }
}
