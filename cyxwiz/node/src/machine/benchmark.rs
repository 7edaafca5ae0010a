use std::io;
use std::thread;
use std::time::{Duration, Instant};

use cyxwiz_model::{benchmark_chain, benchmark_output};
use rustix::time::{ClockId, clock_gettime};

/// How often a benchmark is run at most, where something else had the processors meanwhile.
const TRIES: u32 = 5;
/// Between two tries: what a start or a build beside it takes is over soon.
const PAUSE: Duration = Duration::from_millis(300);

/// What a benchmark came to.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) output: [u8; 32],
    pub(crate) took: Duration,
    pub(crate) threads: u32,
}

/// Computes on so many threads of their own. Blocks for as long as it takes.
///
/// It is the machine that is measured, not what it has to do at this moment: a run that waited for processors is
/// run again, and the shortest counts.
pub(crate) fn run(seed: &[u8], rounds: u64, threads: u32) -> io::Result<Answer> {
    let mut best = run_once(seed, rounds, threads)?;
    for _ in 1..TRIES {
        if !best.waited() {
            break;
        }
        thread::sleep(PAUSE);
        let next = run_once(seed, rounds, threads)?;
        if next.took < best.took {
            best = next;
        }
    }
    Ok(Answer { output: best.output, took: best.took, threads })
}

struct Run {
    output: [u8; 32],
    took: Duration,
    /// Processor time of the thread that got the most.
    computed: Duration,
}

impl Run {
    /// Tells whether more than a third of the time went by without a processor.
    fn waited(&self) -> bool {
        self.took > self.computed.saturating_add(self.computed / 2)
    }
}

fn run_once(seed: &[u8], rounds: u64, threads: u32) -> io::Result<Run> {
    let began = Instant::now();
    let chains = thread::scope(|scope| {
        let started: Vec<_> = (0..threads)
            .map(|number| {
                let name = format!("benchmark-{number}");
                thread::Builder::new().name(name).spawn_scoped(scope, move || {
                    let chain = benchmark_chain(seed, number, rounds);
                    let computed = Duration::try_from(clock_gettime(ClockId::ThreadCPUTime));
                    (chain, computed.unwrap_or(Duration::MAX))
                })
            })
            .collect();
        started
            .into_iter()
            .map(|thread| thread?.join().map_err(|_| io::Error::other("a thread of the benchmark panicked")))
            .collect::<io::Result<Vec<_>>>()
    })?;
    let took = began.elapsed();
    let computed = chains.iter().map(|(_, computed)| *computed).max().unwrap_or_default();
    let chains: Vec<_> = chains.into_iter().map(|(chain, _)| chain).collect();
    Ok(Run { output: benchmark_output(&chains), took, computed })
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

    #[test]
    fn a_run_waited_where_its_threads_had_no_processor() {
        let run = |took, computed| Run {
            output: [0; 32],
            took: Duration::from_millis(took),
            computed: Duration::from_millis(computed),
        };
        assert!(!run(100, 100).waited() && !run(150, 100).waited());
        assert!(run(151, 100).waited() && run(400, 100).waited());
        assert!(!Run { computed: Duration::MAX, ..run(100, 0) }.waited());
    }
}
