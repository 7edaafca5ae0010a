use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;
use vyr_model::{BindMode, StateId};

use crate::{
    Binding, StateError, StateGauges, StateInfo, StateOptions,
    cell::{Cell, Shared},
};

/// Holds every ephemeral state of a node. Clones are the same kernel.
#[derive(Clone)]
pub struct StateKernel {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    shared: Arc<Shared>,
    table: Mutex<Table>,
}

/// Which states exist and until when. A state stands in `expiries` exactly while it has no binding.
#[derive(Default)]
struct Table {
    states: HashMap<StateId, Entry>,
    expiries: BTreeSet<(Instant, StateId)>,
}

struct Entry {
    name: String,
    ttl: Duration,
    bindings: usize,
    /// When the state goes if nothing binds it; of no meaning while something does.
    expires: Instant,
    cell: Arc<Cell>,
}

impl StateKernel {
    /// Makes a kernel without states.
    pub fn new(options: StateOptions) -> Self {
        let shared = Arc::new(Shared { options, total_bytes: AtomicU64::new(0) });
        Self { inner: Arc::new(Inner { shared, table: Mutex::default() }) }
    }

    /// Creates an empty state, which expires `ttl` after `now` unless it is bound by then.
    ///
    /// # Errors
    /// [`StateError::Field`] for a name, quota or TTL out of range, [`StateError::Full`] when there are as
    /// many states as there may be.
    pub fn create(
        &self,
        name: &str,
        quota: Option<u64>,
        ttl: Option<Duration>,
        now: Instant,
    ) -> Result<StateId, StateError> {
        let options = &self.inner.shared.options;
        StateOptions::check_name(name)?;
        let (quota, ttl) = (options.quota(quota)?, options.ttl(ttl)?);
        self.sweep(now);
        let id = StateId::generate();
        let cell = Arc::new(Cell::new(quota, Arc::clone(&self.inner.shared)));
        let expires = now + ttl;
        let mut table = self.inner.table.lock();
        if table.states.len() >= options.max_states {
            return Err(StateError::Full { what: "states", limit: options.max_states as u64 });
        }
        table.states.insert(id, Entry { name: name.to_owned(), ttl, bindings: 0, expires, cell });
        table.expiries.insert((expires, id));
        Ok(id)
    }

    /// Binds all of the states, in their order, or none.
    ///
    /// # Errors
    /// [`StateError::NotFound`] with the first state that does not exist at `now`.
    pub fn bind_all(&self, wanted: &[(StateId, BindMode)], now: Instant) -> Result<Vec<Binding>, StateError> {
        let mut table = self.inner.table.lock();
        if let Some((id, _)) = wanted.iter().find(|(id, _)| !table.is_alive(*id, now)) {
            return Err(StateError::NotFound(*id));
        }
        Ok(wanted
            .iter()
            .filter_map(|(id, mode)| {
                let cell = table.bind(*id)?;
                Some(Binding::new(*id, *mode, cell, Arc::clone(&self.inner)))
            })
            .collect())
    }

    /// Tells whether the state exists by the kernel's clock.
    pub fn exists(&self, id: StateId) -> bool {
        let now = (self.inner.shared.options.clock)();
        self.inner.table.lock().is_alive(id, now)
    }

    /// Drops the states that have expired at `now`; returns how many.
    pub fn sweep(&self, now: Instant) -> usize {
        // The contents are freed after the lock is: they may be large.
        let expired = self.inner.table.lock().take_expired(now);
        expired.len()
    }

    /// Returns when the next [`sweep`](Self::sweep) has something to drop, unless a binding comes first.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.inner.table.lock().expiries.first().map(|(at, _)| *at)
    }

    /// Returns the kernel's figures: what is held now, expired but unswept states included.
    pub fn gauges(&self) -> StateGauges {
        let table = self.inner.table.lock();
        StateGauges {
            states: table.states.len(),
            bound_states: table.states.len().saturating_sub(table.expiries.len()),
            bindings: table.states.values().map(|entry| entry.bindings).sum(),
            bytes: self.inner.shared.total_bytes.load(Ordering::Relaxed),
        }
    }

    /// Lists the states, oldest first.
    pub fn list(&self) -> Vec<StateInfo> {
        let table = self.inner.table.lock();
        let mut list: Vec<_> = table.states.iter().map(|(id, entry)| entry.info(*id)).collect();
        drop(table);
        list.sort_by_key(|info| info.id);
        list
    }
}

impl Inner {
    /// Ends one binding; the last one starts the TTL.
    pub(crate) fn unbind(&self, id: StateId) {
        let now = (self.shared.options.clock)();
        self.table.lock().unbind(id, now);
    }
}

impl Table {
    fn is_alive(&self, id: StateId, now: Instant) -> bool {
        self.states.get(&id).is_some_and(|entry| entry.bindings > 0 || entry.expires > now)
    }

    fn bind(&mut self, id: StateId) -> Option<Arc<Cell>> {
        let entry = self.states.get_mut(&id)?;
        if entry.bindings == 0 {
            self.expiries.remove(&(entry.expires, id));
        }
        entry.bindings += 1;
        Some(Arc::clone(&entry.cell))
    }

    fn unbind(&mut self, id: StateId, now: Instant) {
        let Some(entry) = self.states.get_mut(&id) else { return };
        entry.bindings = entry.bindings.saturating_sub(1);
        if entry.bindings == 0 {
            entry.expires = now + entry.ttl;
            self.expiries.insert((entry.expires, id));
        }
    }

    fn take_expired(&mut self, now: Instant) -> Vec<Entry> {
        let mut expired = Vec::new();
        while let Some((_, id)) = self.expiries.first().copied().filter(|(at, _)| *at <= now) {
            self.expiries.pop_first();
            expired.extend(self.states.remove(&id));
        }
        expired
    }
}

impl Entry {
    fn info(&self, id: StateId) -> StateInfo {
        let size = self.cell.size();
        StateInfo {
            id,
            name: self.name.clone(),
            quota: self.cell.quota(),
            bytes: size.bytes,
            keys: size.keys,
            bindings: self.bindings,
            ttl: self.ttl,
            expires: (self.bindings == 0).then_some(self.expires),
        }
    }
}

impl fmt::Debug for StateKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateKernel").field("gauges", &self.gauges()).finish_non_exhaustive()
    }
}
