use std::sync::Arc;

use wasmtime::ResourceLimiter;

use super::watch::Watch;

/// Bytes of one table element in the pool.
const ELEMENT_BYTES: usize = size_of::<usize>();

/// Counts linear memories and tables together against one limit.
pub(crate) struct MemoryBudget {
    used: u64,
    /// What the latest growth added, should it fail after all.
    latest: u64,
    limit: u64,
    watch: Arc<Watch>,
}

impl MemoryBudget {
    pub(crate) fn new(limit: u64, watch: Arc<Watch>) -> Self {
        Self { used: 0, latest: 0, limit, watch }
    }

    fn grow(&mut self, current: usize, desired: usize, unit: usize) -> bool {
        let more = desired.saturating_sub(current).saturating_mul(unit);
        let more = u64::try_from(more).unwrap_or(u64::MAX);
        let wanted = self.used.saturating_add(more);
        if wanted > self.limit {
            self.watch.refuse_memory();
            return false;
        }
        self.used = wanted;
        self.latest = more;
        self.watch.note_memory(wanted);
        true
    }

    fn take_back(&mut self) {
        self.used = self.used.saturating_sub(std::mem::take(&mut self.latest));
        self.watch.note_memory(self.used);
    }
}

impl ResourceLimiter for MemoryBudget {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // what the module itself forbids is no matter of ours: the growth fails without being counted
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        Ok(self.grow(current, desired, 1))
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        Ok(self.grow(current, desired, ELEMENT_BYTES))
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }
}
