use std::{
    cell::Cell,
    hash::{BuildHasher as _, RandomState},
};

use vyr_model::{SpanId, TraceId};

thread_local! {
    static STATE: Cell<[u64; 4]> = Cell::new(seed());
}

/// Seeds a thread's generator from the system, or, where that fails, from std's hash keys
/// (which the system seeded when the process began).
fn seed() -> [u64; 4] {
    let mut bytes = [0; 32];
    if getrandom::fill(&mut bytes).is_ok() {
        let mut words = [0; 4];
        for (word, chunk) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*chunk);
        }
        if words != [0; 4] {
            return words;
        }
    }
    [1, 2, 3, 4].map(|salt: u64| RandomState::new().hash_one(salt) | 1)
}

/// One step of xoshiro256++ (Blackman and Vigna, public domain): ids need speed and spread,
/// not secrecy.
fn next() -> u64 {
    let [a, b, c, d] = STATE.get();
    let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
    let (c, d) = (c ^ a, d ^ b);
    STATE.set([a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)]);
    result
}

/// Makes a new W3C trace id: random, never zero. Takes no lock and no system call.
pub fn new_trace_id() -> TraceId {
    let mut bytes = [0; 16];
    let (high, low) = bytes.split_at_mut(8);
    high.copy_from_slice(&(next() | 1).to_be_bytes());
    low.copy_from_slice(&next().to_be_bytes());
    TraceId(bytes)
}

/// Makes a new W3C span id: random, never zero. Takes no lock and no system call.
pub fn new_span_id() -> SpanId {
    let mut value = next();
    while value == 0 {
        value = next();
    }
    SpanId(value.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_differ_within_and_across_threads() {
        let make = || (0..20_000).map(|_| new_span_id()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(make)).collect();
        let all: HashSet<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(all.len(), 80_000);
        let traces: HashSet<_> = (0..20_000).map(|_| new_trace_id()).collect();
        assert_eq!(traces.len(), 20_000);
    }
}
