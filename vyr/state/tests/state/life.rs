use std::time::Duration;

use vyr_model::{
    BindMode::{ReadOnly, ReadWrite},
    StateId,
};
use vyr_state::{StateError, StateOptions};

use crate::clock::{TestClock, bind};

const TTL: Duration = Duration::from_secs(600);
const TICK: Duration = Duration::from_millis(1);

#[test]
fn a_state_never_bound_lives_its_ttl() {
    let clock = TestClock::new();
    let kernel = clock.kernel(StateOptions::default());
    let id = kernel.create("events", None, None, clock.now()).expect("created");
    assert_eq!(kernel.next_expiry(), Some(clock.now() + TTL));
    clock.advance(TTL - TICK);
    assert_eq!((kernel.exists(id), kernel.sweep(clock.now())), (true, 0));
    clock.advance(TICK);
    assert!(!kernel.exists(id), "an expired state is gone before the sweep");
    let refused = kernel.bind_all(&[(id, ReadOnly)], clock.now()).expect_err("expired");
    assert_eq!(refused, StateError::NotFound(id));
    assert_eq!((kernel.sweep(clock.now()), kernel.sweep(clock.now())), (1, 0));
    assert_eq!((kernel.next_expiry(), kernel.gauges().bytes), (None, 0));
}

#[test]
fn a_bound_state_stays_and_the_last_binding_starts_the_ttl() {
    let clock = TestClock::new();
    let kernel = clock.kernel(StateOptions::default());
    let id = kernel.create("events", None, Some(Duration::from_secs(5)), clock.now()).expect("created");
    let loader = bind(&kernel, id, ReadWrite, clock.now());
    loader.set("key", b"value").expect("set");
    let reader = bind(&kernel, id, ReadOnly, clock.now());
    clock.advance(TTL * 10);
    assert_eq!((kernel.sweep(clock.now()), kernel.next_expiry()), (0, None));
    drop(loader);
    clock.advance(TTL);
    assert_eq!(kernel.sweep(clock.now()), 0, "one binding is enough");
    assert_eq!(reader.get("key").expect("get").as_deref(), Some(b"value".as_slice()));
    drop(reader);
    assert_eq!(kernel.next_expiry(), Some(clock.now() + Duration::from_secs(5)));
    clock.advance(Duration::from_secs(4));
    let again = bind(&kernel, id, ReadOnly, clock.now());
    assert_eq!(again.get("key").expect("get").as_deref(), Some(b"value".as_slice()));
    drop(again);
    clock.advance(Duration::from_secs(5));
    assert_eq!(kernel.sweep(clock.now()), 1);
    assert_eq!(kernel.gauges(), vyr_state::StateGauges::default());
}

#[test]
fn binds_all_or_none() {
    let clock = TestClock::new();
    let kernel = clock.kernel(StateOptions::default());
    let here = kernel.create("here", None, None, clock.now()).expect("created");
    let gone = StateId::generate();
    let refused =
        kernel.bind_all(&[(here, ReadOnly), (gone, ReadWrite)], clock.now()).expect_err("one is gone");
    assert_eq!(refused, StateError::NotFound(gone));
    assert_eq!(kernel.gauges().bindings, 0);
    assert_eq!(kernel.next_expiry(), Some(clock.now() + TTL), "the TTL still counts from the creation");
    let both = kernel.bind_all(&[(here, ReadOnly), (here, ReadWrite)], clock.now()).expect("bound twice");
    assert_eq!(both.iter().map(|b| b.mode()).collect::<Vec<_>>(), [ReadOnly, ReadWrite]);
    assert_eq!((kernel.gauges().bindings, kernel.gauges().bound_states), (2, 1));
    assert!(kernel.bind_all(&[], clock.now()).expect("nothing to bind").is_empty());
}

#[test]
fn a_read_only_binding_reads_and_never_writes() {
    let clock = TestClock::new();
    let kernel = clock.kernel(StateOptions::default());
    let id = kernel.create("events", None, None, clock.now()).expect("created");
    let writer = bind(&kernel, id, ReadWrite, clock.now());
    writer.set("n", b"1").expect("set");
    let reader = bind(&kernel, id, ReadOnly, clock.now());
    assert_eq!(reader.set("n", b"2"), Err(StateError::ReadOnly));
    assert_eq!(reader.set_many(&[]), Err(StateError::ReadOnly));
    assert_eq!(reader.delete("n"), Err(StateError::ReadOnly));
    assert_eq!(reader.delete_many(&["n".into()]), Err(StateError::ReadOnly));
    assert_eq!(reader.increment("n", 1), Err(StateError::ReadOnly));
    assert_eq!(reader.compare_and_swap("n", None, b"2"), Err(StateError::ReadOnly));
    assert_eq!(reader.get("n").expect("get").as_deref(), Some(b"1".as_slice()));
    assert_eq!(reader.list_keys(None).expect("list").keys, ["n"]);
}

#[test]
fn no_byte_crosses_between_states() {
    let clock = TestClock::new();
    let kernel = clock.kernel(StateOptions::default());
    let bindings: Vec<_> = (0..8)
        .map(|n| {
            let id = kernel.create("same name", None, None, clock.now()).expect("created");
            let binding = bind(&kernel, id, ReadWrite, clock.now());
            binding.set("key", format!("secret {n}").as_bytes()).expect("set");
            binding.set(&format!("only {n}"), b"").expect("set");
            binding
        })
        .collect();
    for (n, binding) in bindings.iter().enumerate() {
        assert_eq!(binding.get("key").expect("get").as_deref(), Some(format!("secret {n}").as_bytes()));
        assert_eq!(binding.list_keys(None).expect("list").keys, ["key".to_owned(), format!("only {n}")]);
        binding.delete("key").expect("delete");
    }
    let id = kernel.create("same name", None, None, clock.now()).expect("created");
    let fresh = bind(&kernel, id, ReadWrite, clock.now());
    assert!(fresh.list_keys(None).expect("list").keys.is_empty(), "a new state is empty");
}

#[test]
fn debug_output_shows_no_contents() {
    let clock = TestClock::new();
    let kernel = clock.kernel(StateOptions::default());
    let id = kernel.create("events", None, None, clock.now()).expect("created");
    let binding = bind(&kernel, id, ReadWrite, clock.now());
    binding.set("hidden-key", b"hidden-value").expect("set");
    let shown = format!("{binding:?} {kernel:?} {:?}", kernel.list());
    assert!(!shown.contains("hidden"), "{shown}");
}
