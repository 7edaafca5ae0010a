use std::{sync::Barrier, thread};

use vyr_model::BindMode::{ReadOnly, ReadWrite};
use vyr_state::{Binding, CasOutcome, StateError, StateKernel, StateOptions};

use crate::clock::{TestClock, bind, bound};

const THREADS: usize = 64;
const ROUNDS: usize = 200;

fn with_threads(work: impl Fn(usize, Binding) + Sync) -> (StateKernel, Binding) {
    let clock = TestClock::new();
    let kernel = clock.kernel(StateOptions::default());
    let id = kernel.create("shared", None, None, clock.now()).expect("created");
    let kept = bind(&kernel, id, ReadWrite, clock.now());
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        for n in 0..THREADS {
            let (binding, start, work) = (bind(&kernel, id, ReadWrite, clock.now()), &start, &work);
            scope.spawn(move || {
                start.wait();
                work(n, binding);
            });
        }
    });
    (kernel, kept)
}

#[test]
fn increments_of_64_threads_all_count() {
    let (kernel, state) = with_threads(|n, binding| {
        for _ in 0..ROUNDS {
            binding.increment("n", if n % 2 == 0 { 3 } else { -1 }).expect("increment");
        }
    });
    let expected = (THREADS * ROUNDS) as i64;
    assert_eq!(state.increment("n", 0), Ok(expected));
    let held = 1 + expected.to_string().len() as u64;
    assert_eq!((kernel.gauges().bytes, kernel.gauges().bindings), (held, 1));
}

#[test]
fn compare_and_swaps_of_64_threads_all_count() {
    let (_kernel, state) = with_threads(|_, binding| {
        for _ in 0..ROUNDS / 10 {
            let mut expected = binding.get("n").expect("get");
            loop {
                let old: u64 = expected
                    .as_deref()
                    .map_or(0, |value| str::from_utf8(value).expect("text").parse().expect("number"));
                let new = (old + 1).to_string();
                match binding.compare_and_swap("n", expected.as_deref(), new.as_bytes()).expect("swap") {
                    CasOutcome::Swapped => break,
                    CasOutcome::Changed(found) => expected = found,
                }
            }
        }
    });
    let total = (THREADS * (ROUNDS / 10)).to_string();
    assert_eq!(state.get("n").expect("get").as_deref(), Some(total.as_bytes()));
}

#[test]
fn batches_are_seen_whole() {
    let keys = ["a".to_owned(), "b".to_owned()];
    with_threads(|n, binding| {
        for round in 0..ROUNDS {
            if n % 2 == 0 {
                let value = format!("{n}-{round}").into_bytes();
                let pairs = keys.clone().map(|key| (key, value.clone()));
                binding.set_many(&pairs).expect("set");
            } else {
                let seen = binding.get_many(&keys).expect("get");
                assert_eq!(seen[0], seen[1]);
            }
        }
    });
}

#[test]
fn the_nodes_bytes_stay_exact_under_64_threads() {
    let clock = TestClock::new();
    let kernel = clock.kernel(StateOptions { max_total_bytes: 4000, ..StateOptions::default() });
    thread::scope(|scope| {
        for n in 0..THREADS {
            let (kernel, clock) = (&kernel, &clock);
            scope.spawn(move || {
                let id = kernel.create("own", None, None, clock.now()).expect("created");
                let state = bind(kernel, id, ReadWrite, clock.now());
                for round in 0..ROUNDS {
                    let written = state.set(&format!("k{}", round % 7), &vec![0; (n * 31 + round) % 97]);
                    assert!(matches!(written, Ok(()) | Err(StateError::Full { what: "bytes", .. })));
                    assert!(kernel.gauges().bytes <= 4000);
                }
            });
        }
    });
    let listed: u64 = kernel.list().iter().map(|info| info.bytes).sum();
    assert_eq!(kernel.gauges().bytes, listed);
    clock.advance(std::time::Duration::from_secs(600));
    assert_eq!((kernel.sweep(clock.now()), kernel.gauges().bytes), (THREADS, 0));
}

#[test]
fn increment_refuses_what_it_cannot_count() {
    let (_kernel, state) = bound(StateOptions::default());
    state.set("text", b"ten").expect("set");
    assert!(matches!(state.increment("text", 1), Err(StateError::Invalid(_))));
    state.set("most", i64::MAX.to_string().as_bytes()).expect("set");
    assert!(matches!(state.increment("most", 1), Err(StateError::Invalid(_))));
    assert_eq!(state.increment("most", i64::MIN), Ok(-1));
    assert_eq!(state.increment("least", i64::MIN), Ok(i64::MIN));
    assert!(matches!(state.increment("least", -1), Err(StateError::Invalid(_))));
    assert_eq!(state.get("least").expect("get").as_deref(), Some(i64::MIN.to_string().as_bytes()));
}

#[test]
fn get_shares_the_value_instead_of_copying_it() {
    let (_kernel, state) = bound(StateOptions::default());
    state.set("large", &vec![7; 1 << 20]).expect("set");
    let (one, two) = (state.get("large").expect("get"), state.get("large").expect("get"));
    assert_eq!(one.expect("there").as_ptr(), two.expect("there").as_ptr());
}

#[test]
fn binding_and_sweeping_race_without_losing_a_bound_state() {
    let clock = TestClock::new();
    let kernel = clock.kernel(StateOptions::default());
    thread::scope(|scope| {
        for n in 0..8 {
            let (kernel, clock) = (&kernel, &clock);
            scope.spawn(move || {
                for _ in 0..ROUNDS {
                    let id =
                        kernel.create("own", None, Some(std::time::Duration::from_millis(5)), clock.now());
                    let Ok(bound) = kernel.bind_all(&[(id.expect("created"), ReadOnly)], clock.now()) else {
                        continue; // it expired first: that is allowed
                    };
                    clock.advance(std::time::Duration::from_millis(n));
                    kernel.sweep(clock.now());
                    assert!(kernel.exists(bound[0].state()));
                }
            });
        }
    });
    clock.advance(std::time::Duration::from_secs(1));
    kernel.sweep(clock.now());
    assert_eq!(kernel.gauges(), vyr_state::StateGauges::default());
}
