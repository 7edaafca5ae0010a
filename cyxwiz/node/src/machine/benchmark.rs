use std::time::{Duration, Instant};

use cyxwiz_model::{benchmark_chain, benchmark_output};

/// What a benchmark came to.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) output: [u8; 32],
    pub(crate) took: Duration,
    pub(crate) threads: u32,
}

/// Computes on so many threads of their own. Blocks for as long as it takes.
pub(crate) fn run(seed: &[u8], rounds: u64, threads: u32) -> std::io::Result<Answer> {
    let began = Instant::now();
    let chains = std::thread::scope(|scope| {
        let started: Vec<_> = (0..threads)
            .map(|thread| {
                let name = format!("benchmark-{thread}");
                std::thread::Builder::new()
                    .name(name)
                    .spawn_scoped(scope, move || benchmark_chain(seed, thread, rounds))
            })
            .collect();
        started
            .into_iter()
            .map(|thread| {
                thread?.join().map_err(|_| std::io::Error::other("a thread of the benchmark panicked"))
            })
            .collect::<std::io::Result<Vec<_>>>()
    })?;
    Ok(Answer { output: benchmark_output(&chains), took: began.elapsed(), threads })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_compute_what_the_checker_computes() {
        let answer = run(b"seed", 50, 3).unwrap();
        assert_eq!(answer.output, cyxwiz_model::benchmark(b"seed", 50, 3));
        assert_eq!(answer.threads, 3);
    }
}
