//! The little of protobuf's encoding that spans need.

/// Wire types.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;
const FIXED32: u32 = 5;

/// How many bytes the length of a message will take, as a rule: room that is left for it.
#[derive(Clone, Copy)]
pub(super) enum Expected {
    /// Below 128 bytes.
    Short,
    /// Below 16 KiB.
    Long,
}

pub(super) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn tag(out: &mut Vec<u8>, field: u32, kind: u32) {
    varint(out, u64::from(field << 3 | kind));
}

pub(super) fn number(out: &mut Vec<u8>, field: u32, value: u64) {
    tag(out, field, VARINT);
    varint(out, value);
}

pub(super) fn fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    tag(out, field, FIXED64);
    out.extend_from_slice(&value.to_le_bytes());
}

pub(super) fn fixed32(out: &mut Vec<u8>, field: u32, value: u32) {
    tag(out, field, FIXED32);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Writes bytes or text; nothing where it is empty, which says the same.
pub(super) fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    if !value.is_empty() {
        head(out, field, value.len());
        out.extend_from_slice(value);
    }
}

/// Writes the beginning of a field of `length` bytes.
pub(super) fn head(out: &mut Vec<u8>, field: u32, length: usize) {
    tag(out, field, BYTES);
    varint(out, length as u64);
}

/// Writes a message within a message. Where its length takes another room than expected, it is moved.
pub(super) fn message(out: &mut Vec<u8>, field: u32, expected: Expected, write: impl FnOnce(&mut Vec<u8>)) {
    tag(out, field, BYTES);
    let at = out.len();
    out.extend_from_slice(match expected {
        Expected::Short => &[0],
        Expected::Long => &[0, 0],
    });
    let from = out.len();
    write(out);
    let length = out.len() - from;
    match (out.get_mut(at..from), length) {
        (Some([only]), ..0x80) => *only = length as u8,
        (Some([low, high]), 0x80..0x4000) => [*low, *high] = [length as u8 | 0x80, (length >> 7) as u8],
        _ => {
            let mut written = Vec::new();
            varint(&mut written, length as u64);
            out.splice(at..from, written);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_what_protobuf_says_whatever_was_expected() {
        for expected in [Expected::Short, Expected::Long] {
            for length in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, 0x20_0000] {
                let mut out = vec![7];
                message(&mut out, 2, expected, |out| out.resize(out.len() + length, 9));
                let mut wanted = vec![7];
                head(&mut wanted, 2, length);
                wanted.resize(wanted.len() + length, 9);
                assert!(out == wanted, "{length}");
            }
        }
    }
}
