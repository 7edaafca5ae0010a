use std::time::Duration;

use vyr_model::BindMode::ReadWrite;
use vyr_state::{StateError, StateOptions};

use crate::clock::{TestClock, bind, bound};

fn small() -> StateOptions {
    StateOptions { default_quota: 10, max_total_bytes: 12, ..StateOptions::default() }
}

#[test]
fn the_quota_counts_keys_and_values_to_the_byte() {
    let (kernel, state) = bound(small());
    state.set("abc", b"1234567").expect("exactly the quota");
    assert_eq!(state.set("d", b""), Err(StateError::Quota { quota: 10, needed: 11 }));
    assert_eq!(state.set("abc", b"12345678"), Err(StateError::Quota { quota: 10, needed: 11 }));
    state.set("abc", b"1").expect("smaller");
    state.set("d", b"12345").expect("the rest");
    assert_eq!(kernel.gauges().bytes, 10);
    state.delete_many(&["abc".into(), "d".into(), "never".into()]).expect("delete");
    assert_eq!(kernel.gauges().bytes, 0);
}

#[test]
fn a_refused_batch_changes_nothing() {
    let (kernel, state) = bound(small());
    state.set("a", b"1").expect("set");
    let pairs = [("a".to_owned(), b"22".to_vec()), ("b".to_owned(), vec![0; 9])];
    assert_eq!(state.set_many(&pairs), Err(StateError::Quota { quota: 10, needed: 13 }));
    assert_eq!(state.get("a").expect("get").as_deref(), Some(b"1".as_slice()));
    assert_eq!(kernel.gauges().bytes, 2);
    let twice = [("a".to_owned(), vec![0; 9]), ("a".to_owned(), b"last".to_vec())];
    state.set_many(&twice).expect("only the last one counts");
    assert_eq!(kernel.gauges().bytes, 5);
}

#[test]
fn all_states_share_the_nodes_bytes() {
    let clock = TestClock::new();
    let kernel = clock.kernel(small());
    let [first, second] = ["first", "second"].map(|name| {
        let id = kernel.create(name, None, None, clock.now()).expect("created");
        bind(&kernel, id, ReadWrite, clock.now())
    });
    first.set("k", b"12345678").expect("set");
    assert_eq!(second.set("k", b"123"), Err(StateError::Full { what: "bytes", limit: 12 }));
    first.delete("k").expect("delete");
    second.set("k", b"123").expect("room again");
    drop(second);
    clock.advance(Duration::from_secs(600));
    assert_eq!((kernel.sweep(clock.now()), kernel.gauges().bytes), (1, 0));
}

#[test]
fn states_keys_and_values_are_bounded() {
    let clock = TestClock::new();
    let kernel = clock.kernel(StateOptions {
        max_states: 1,
        max_keys: 2,
        max_key_bytes: 3,
        max_value_bytes: 4,
        ..StateOptions::default()
    });
    let id = kernel.create("one", None, None, clock.now()).expect("created");
    let full = kernel.create("two", None, None, clock.now());
    assert_eq!(full, Err(StateError::Full { what: "states", limit: 1 }));
    let state = bind(&kernel, id, ReadWrite, clock.now());
    assert!(matches!(state.set("long", b""), Err(StateError::Invalid(_))));
    assert!(matches!(state.set("k", b"12345"), Err(StateError::Invalid(_))));
    assert!(matches!(state.compare_and_swap("long", None, b""), Err(StateError::Invalid(_))));
    assert!(matches!(state.increment("long", 1), Err(StateError::Invalid(_))));
    state.set("a", b"").expect("first key");
    state.increment("b", 1).expect("second key");
    let refused = state.set("c", b"");
    assert_eq!(refused, Err(StateError::Full { what: "keys in one state", limit: 2 }));
    drop(state);
    clock.advance(Duration::from_secs(600));
    kernel.create("two", None, None, clock.now()).expect("what expired makes room");
}

#[test]
fn out_of_range_creations_name_what_fits() {
    let clock = TestClock::new();
    let kernel = clock.kernel(StateOptions::default());
    let day = Duration::from_secs(24 * 3600);
    let create = |name: &str, quota, ttl| kernel.create(name, quota, ttl, clock.now());
    for refused in [
        create("", None, None),
        create(&"n".repeat(129), None, None),
        create("line\nbreak", None, None),
        create("n", Some(0), None),
        create("n", Some(u64::MAX), None),
        create("n", None, Some(Duration::ZERO)),
        create("n", None, Some(day + Duration::from_nanos(1))),
    ] {
        let error = refused.expect_err("out of range").to_string();
        assert!(error.contains("write ") || error.contains("name "), "{error}");
    }
    create("n", Some(1), Some(day)).expect("the ends of the ranges fit");
    assert_eq!(kernel.gauges().states, 1);
}

#[test]
fn listing_is_paged() {
    let (_kernel, state) = bound(StateOptions { page_keys: 3, ..StateOptions::default() });
    let keys: Vec<String> = (0..8).map(|n| format!("k{n}")).collect();
    for key in &keys {
        state.set(key, b"v").expect("set");
    }
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page = state.list_keys(cursor.as_deref()).expect("list");
        assert!(page.keys.len() <= 3);
        seen.extend(page.keys);
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, keys);
}
