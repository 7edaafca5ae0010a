//! The walk over a segment's bytes: it ends, steps over what is bad, and finds what was written.

// private to vyr-telemetry, and pure: taken as they are
#[path = "../../telemetry/src/record/frame.rs"]
mod frame;
#[path = "../../telemetry/src/record/meta.rs"]
mod meta;

use frame::Found;

/// Takes one input.
pub fn run(data: &[u8]) {
    walk(data);
    let _ = meta::Meta::parse(data);
    // whatever stands before it, a whole entry is found again
    let Some((at, entry)) = data.split_first() else { return };
    if entry.is_empty() || !meta::looks_like_entry(entry) {
        return;
    }
    let mut bytes = Vec::new();
    frame::push(&mut bytes, entry);
    let begin = bytes.len();
    bytes.extend_from_slice(&entry[..usize::from(*at).min(entry.len())]);
    let end = bytes.len();
    frame::push(&mut bytes, entry);
    let found = walk(&bytes);
    assert!(found.contains(&0), "the first frame is lost");
    // bad bytes may hide the frame only where they are a frame of their own
    let hidden = found.iter().any(|start| (begin..end).contains(start));
    assert!(hidden || found.contains(&end), "the frame after bad bytes is lost");
}

/// Walks to the end; returns where frames were found.
fn walk(bytes: &[u8]) -> Vec<usize> {
    let (mut at, mut found) = (0, Vec::new());
    loop {
        match frame::next(bytes, at) {
            Found::Frame(start, content) => {
                assert!(start >= at && content.end <= bytes.len() && content.start < content.end);
                found.push(start);
                at = content.end;
            }
            Found::Bad(range) => {
                assert!(range.start == at && range.end > at && range.end <= bytes.len());
                at = range.end;
            }
            Found::End { valid, torn } => {
                assert!(valid == at && valid + torn <= bytes.len());
                return found;
            }
        }
    }
}
