//! Random sequences of calls do what a naive model of the kernel does.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use proptest::prelude::*;
use tokio::time::Instant;
use vyr_model::{BindMode, StateId};
use vyr_state::{Binding, CasOutcome, StateError, StateKernel, StateOptions};

use crate::clock::TestClock;

const TOTAL: u64 = 60;
const STATES: usize = 4;

#[derive(Debug, Clone)]
enum Op {
    Create { quota: u64, ttl: u64 },
    Bind(Vec<(usize, bool)>),
    Unbind(usize),
    Pass(u64),
    Sweep,
    Set(usize, String, Vec<u8>),
    SetMany(usize, Vec<(String, Vec<u8>)>),
    Delete(usize, String),
    Increment(usize, String, i64),
    Swap(usize, String, Option<Vec<u8>>, Vec<u8>),
    Read(usize, String),
}

struct ModelState {
    id: StateId,
    quota: u64,
    ttl: u64,
    bindings: usize,
    expires: u64,
    data: BTreeMap<String, Vec<u8>>,
}

impl ModelState {
    fn alive(&self, now: u64) -> bool {
        self.bindings > 0 || self.expires > now
    }
}

fn size(data: &BTreeMap<String, Vec<u8>>) -> u64 {
    data.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum()
}

struct Run {
    clock: TestClock,
    start: Instant,
    kernel: StateKernel,
    states: Vec<ModelState>,
    /// Every id ever made, so that dead ones are asked for too.
    ids: Vec<StateId>,
    bindings: Vec<(Binding, StateId, bool)>,
    now: u64,
}

impl Run {
    fn new() -> Self {
        let clock = TestClock::new();
        let options = StateOptions {
            max_total_bytes: TOTAL,
            max_states: STATES,
            page_keys: 2,
            ..StateOptions::default()
        };
        let kernel = clock.kernel(options);
        let start = clock.now();
        Self { clock, start, kernel, states: vec![], ids: vec![], bindings: vec![], now: 0 }
    }

    fn at(&self, millis: u64) -> Instant {
        self.start + Duration::from_millis(millis)
    }

    fn sweep_model(&mut self) -> usize {
        let (before, now) = (self.states.len(), self.now);
        self.states.retain(|state| state.alive(now));
        before - self.states.len()
    }

    fn apply(&mut self, op: &Op) {
        let now = self.at(self.now);
        match op {
            Op::Create { quota, ttl } => {
                self.sweep_model();
                let made = self.kernel.create("n", Some(*quota), Some(Duration::from_millis(*ttl)), now);
                assert_eq!(made.is_ok(), self.states.len() < STATES);
                if let Ok(id) = made {
                    self.ids.push(id);
                    let expires = self.now + ttl;
                    let (quota, ttl, data) = (*quota, *ttl, BTreeMap::new());
                    self.states.push(ModelState { id, quota, ttl, bindings: 0, expires, data });
                }
            }
            Op::Bind(wanted) => self.bind(wanted),
            Op::Unbind(at) if !self.bindings.is_empty() => {
                let (binding, id, _) = self.bindings.remove(at % self.bindings.len());
                drop(binding);
                let now = self.now;
                let state = self.states.iter_mut().find(|state| state.id == id).expect("bound states live");
                state.bindings -= 1;
                if state.bindings == 0 {
                    state.expires = now + state.ttl;
                }
            }
            Op::Pass(millis) => {
                self.now += millis;
                self.clock.advance(Duration::from_millis(*millis));
            }
            Op::Sweep => assert_eq!(self.kernel.sweep(now), self.sweep_model()),
            _ => self.touch(op),
        }
        self.compare();
    }

    fn bind(&mut self, wanted: &[(usize, bool)]) {
        if self.ids.is_empty() {
            return;
        }
        let wanted: Vec<_> = wanted.iter().map(|(at, rw)| (self.ids[at % self.ids.len()], *rw)).collect();
        let modes: Vec<_> = wanted
            .iter()
            .map(|(id, rw)| (*id, if *rw { BindMode::ReadWrite } else { BindMode::ReadOnly }))
            .collect();
        let missing = wanted
            .iter()
            .find(|(id, _)| !self.states.iter().any(|state| state.id == *id && state.alive(self.now)));
        match (self.kernel.bind_all(&modes, self.at(self.now)), missing) {
            (Err(error), Some((id, _))) => assert_eq!(error, StateError::NotFound(*id)),
            (Ok(bound), None) => {
                for (binding, (id, rw)) in bound.into_iter().zip(wanted) {
                    self.bindings.push((binding, id, rw));
                    self.states.iter_mut().find(|state| state.id == id).expect("alive").bindings += 1;
                }
            }
            (result, missing) => panic!("{result:?} against {missing:?}"),
        }
    }

    /// Data calls through one of the bindings.
    fn touch(&mut self, op: &Op) {
        let (Op::Set(at, ..)
        | Op::SetMany(at, ..)
        | Op::Delete(at, ..)
        | Op::Increment(at, ..)
        | Op::Swap(at, ..)
        | Op::Read(at, ..)) = op
        else {
            return;
        };
        if self.bindings.is_empty() {
            return;
        }
        let (binding, id, rw) = &self.bindings[at % self.bindings.len()];
        let others: u64 = self.states.iter().filter(|s| s.id != *id).map(|s| size(&s.data)).sum();
        let state = self.states.iter_mut().find(|state| state.id == *id).expect("bound states live");
        let mut after = state.data.clone();
        let (got, expected) = match op {
            Op::Set(_, key, value) => {
                after.insert(key.clone(), value.clone());
                (binding.set(key, value).map(|()| "done".to_owned()), Ok("done".to_owned()))
            }
            Op::SetMany(_, pairs) => {
                after.extend(pairs.iter().cloned());
                (binding.set_many(pairs).map(|()| "done".to_owned()), Ok("done".to_owned()))
            }
            Op::Delete(_, key) => {
                after.remove(key);
                (binding.delete(key).map(|()| "done".to_owned()), Ok("done".to_owned()))
            }
            Op::Increment(_, key, delta) => {
                let old = after.get(key).map_or(Some(0), |v| str::from_utf8(v).ok()?.parse::<i64>().ok());
                let sum = old.and_then(|old| old.checked_add(*delta));
                if let Some(sum) = sum {
                    after.insert(key.clone(), sum.to_string().into_bytes());
                }
                (
                    binding.increment(key, *delta).map(|sum| sum.to_string()),
                    sum.map(|s| s.to_string()).ok_or(()),
                )
            }
            Op::Swap(_, key, wanted, value) => {
                let found = after.get(key).cloned();
                let outcome = if found == *wanted {
                    after.insert(key.clone(), value.clone());
                    CasOutcome::Swapped
                } else {
                    CasOutcome::Changed(found.map(Bytes::from))
                };
                let got = binding.compare_and_swap(key, wanted.as_deref(), value);
                (got.map(|outcome| format!("{outcome:?}")), Ok(format!("{outcome:?}")))
            }
            Op::Read(_, key) => {
                let value = binding.get(key).expect("read");
                assert_eq!(value.as_deref(), state.data.get(key).map(Vec::as_slice));
                assert_eq!(binding.exists(key), Ok(value.is_some()));
                assert_eq!(binding.get_many(std::slice::from_ref(key)), Ok(vec![value]));
                return;
            }
            _ => return,
        };
        let (needed, grown) = (size(&after), size(&after) > size(&state.data));
        match got {
            Err(StateError::ReadOnly) => assert!(!rw),
            Err(StateError::Invalid(_)) => assert_eq!(expected, Err(())),
            Err(error @ StateError::Quota { .. }) => {
                assert_eq!(error, StateError::Quota { quota: state.quota, needed });
                assert!(grown && needed > state.quota);
            }
            Err(StateError::Full { what: "bytes", .. }) => assert!(grown && needed + others > TOTAL),
            Ok(got) => {
                assert!(*rw && needed <= state.quota && needed + others <= TOTAL);
                assert_eq!(Ok(got), expected);
                state.data = after;
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn compare(&self) {
        let gauges = self.kernel.gauges();
        assert_eq!(gauges.states, self.states.len());
        assert_eq!(gauges.bindings, self.bindings.len());
        assert_eq!(gauges.bound_states, self.states.iter().filter(|state| state.bindings > 0).count());
        assert_eq!(gauges.bytes, self.states.iter().map(|state| size(&state.data)).sum::<u64>());
        let next = self.states.iter().filter(|s| s.bindings == 0).map(|s| self.at(s.expires)).min();
        assert_eq!(self.kernel.next_expiry(), next);
        for id in &self.ids {
            let alive = self.states.iter().any(|state| state.id == *id && state.alive(self.now));
            assert_eq!(self.kernel.exists(*id), alive);
        }
        for (binding, id, _) in &self.bindings {
            let state = self.states.iter().find(|state| state.id == *id).expect("bound states live");
            let page = binding.list_keys(None).expect("list");
            assert!(page.keys.iter().eq(state.data.keys().take(2)));
            assert_eq!(page.cursor.is_some(), state.data.len() > 2);
        }
    }
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), Just("a".into()), Just("bb".into()), Just("ccc".into())]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..20),
        any::<i8>().prop_map(|n| n.to_string().into_bytes()),
        Just(i64::MAX.to_string().into_bytes()),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let pick = 0..16_usize;
    prop_oneof![
        2 => (1..=TOTAL, 1..40_u64).prop_map(|(quota, ttl)| Op::Create { quota, ttl }),
        3 => proptest::collection::vec((0..6_usize, any::<bool>()), 0..3).prop_map(Op::Bind),
        2 => pick.clone().prop_map(Op::Unbind),
        2 => (0..30_u64).prop_map(Op::Pass),
        1 => Just(Op::Sweep),
        4 => (pick.clone(), key(), value()).prop_map(|(at, key, value)| Op::Set(at, key, value)),
        2 => (pick.clone(), proptest::collection::vec((key(), value()), 0..4))
            .prop_map(|(at, pairs)| Op::SetMany(at, pairs)),
        2 => (pick.clone(), key()).prop_map(|(at, key)| Op::Delete(at, key)),
        2 => (pick.clone(), key(), any::<i64>()).prop_map(|(at, key, delta)| Op::Increment(at, key, delta)),
        2 => (pick.clone(), key(), proptest::option::of(value()), value())
            .prop_map(|(at, key, old, value)| Op::Swap(at, key, old, value)),
        2 => (pick, key()).prop_map(|(at, key)| Op::Read(at, key)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_does_what_the_model_does(ops in proptest::collection::vec(op(), 0..80)) {
        let mut run = Run::new();
        for op in &ops {
            run.apply(op);
        }
    }
}
