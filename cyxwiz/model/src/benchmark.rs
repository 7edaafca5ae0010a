//! Work with a known answer, by which claimed processors are confirmed.

use sha2::{Digest as _, Sha256};

/// Threads of a benchmark at most.
pub const MAX_BENCHMARK_THREADS: u32 = 64;

/// How many threads a node with so many processors (thousandths) uses.
#[must_use]
pub const fn benchmark_threads(cpu_milli: u32) -> u32 {
    match cpu_milli / 1000 {
        0 => 1,
        whole if whole > MAX_BENCHMARK_THREADS => MAX_BENCHMARK_THREADS,
        whole => whole,
    }
}

/// What one thread computes: SHA-256 of seed and thread number (four bytes, little-endian), then `rounds` times of
/// itself. Each round needs the one before, so that only a processor of its own makes a thread faster.
#[must_use]
pub fn benchmark_chain(seed: &[u8], thread: u32, rounds: u64) -> [u8; 32] {
    let mut link: [u8; 32] = Sha256::new().chain_update(seed).chain_update(thread.to_le_bytes()).finalize().into();
    for _ in 0..rounds {
        link = Sha256::digest(link).into();
    }
    link
}

/// The answer: SHA-256 of all threads' ends, in order.
#[must_use]
pub fn benchmark_output(chains: &[[u8; 32]]) -> [u8; 32] {
    chains.iter().fold(Sha256::new(), |hash, chain| hash.chain_update(chain)).finalize().into()
}

/// The whole benchmark on one thread, as the one who checks it computes it.
#[must_use]
pub fn benchmark(seed: &[u8], rounds: u64, threads: u32) -> [u8; 32] {
    let chains: Vec<_> = (0..threads).map(|thread| benchmark_chain(seed, thread, rounds)).collect();
    benchmark_output(&chains)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_depends_on_everything() {
        let base = benchmark(b"seed", 3, 2);
        assert_eq!(base, benchmark(b"seed", 3, 2));
        for other in [benchmark(b"need", 3, 2), benchmark(b"seed", 4, 2), benchmark(b"seed", 3, 1)] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn threads_are_whole_processors() {
        assert_eq!([500, 1000, 3999, 1_000_000].map(benchmark_threads), [1, 1, 3, 64]);
    }
}
