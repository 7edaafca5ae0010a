use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use parking_lot::RwLock;

use crate::{
    CasOutcome, KeyPage, StateError, StateOptions,
    contents::{Contents, Size},
};

/// One state's contents behind its own lock: each call holds it once, which makes the calls linearizable.
#[derive(Debug)]
pub(crate) struct Cell {
    quota: u64,
    contents: RwLock<Contents>,
    shared: Arc<Shared>,
}

/// What all states of a kernel share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: StateOptions,
    pub(crate) total_bytes: AtomicU64,
}

impl Cell {
    pub(crate) fn new(quota: u64, shared: Arc<Shared>) -> Self {
        Self { quota, contents: RwLock::default(), shared }
    }

    pub(crate) fn quota(&self) -> u64 {
        self.quota
    }

    pub(crate) fn size(&self) -> Size {
        self.contents.read().size()
    }

    pub(crate) fn get(&self, key: &str) -> Option<Bytes> {
        self.contents.read().get(key).cloned()
    }

    pub(crate) fn get_many(&self, keys: &[String]) -> Vec<Option<Bytes>> {
        let contents = self.contents.read();
        keys.iter().map(|key| contents.get(key).cloned()).collect()
    }

    pub(crate) fn page(&self, cursor: Option<&str>) -> KeyPage {
        self.contents.read().page(cursor, self.shared.options.page_keys)
    }

    pub(crate) fn set(&self, key: &str, value: &[u8]) -> Result<(), StateError> {
        self.shared.options.check_pair(key, value.len())?;
        let value = Bytes::copy_from_slice(value);
        self.write(&mut self.contents.write(), key, value)
    }

    pub(crate) fn set_many(&self, pairs: &[(String, Vec<u8>)]) -> Result<(), StateError> {
        // A key named twice keeps its last value, so each key stands once from here on.
        let mut values = BTreeMap::new();
        for (key, value) in pairs {
            self.shared.options.check_pair(key, value.len())?;
            values.insert(key.as_str(), Bytes::copy_from_slice(value));
        }
        let mut contents = self.contents.write();
        let after = contents.size_with(values.iter().map(|(key, value)| (*key, value.len())));
        self.make_room(contents.size(), after)?;
        for (key, value) in values {
            contents.put(key, value);
        }
        Ok(())
    }

    pub(crate) fn delete<'a>(&self, keys: impl Iterator<Item = &'a str>) {
        let mut contents = self.contents.write();
        let freed = keys.map(|key| contents.remove(key)).sum();
        self.shared.release(freed);
    }

    pub(crate) fn increment(&self, key: &str, delta: i64) -> Result<i64, StateError> {
        let mut contents = self.contents.write();
        let old = contents.get(key).map_or(Ok(0), |value| parse_integer(key, value))?;
        let sum = old.checked_add(delta).ok_or_else(|| {
            StateError::Invalid(format!("`{key}` is {old}: adding {delta} passes the range of 64 bits"))
        })?;
        let value = Bytes::from(sum.to_string());
        self.shared.options.check_pair(key, value.len())?;
        self.write(&mut contents, key, value)?;
        Ok(sum)
    }

    pub(crate) fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
    ) -> Result<CasOutcome, StateError> {
        self.shared.options.check_pair(key, value.len())?;
        let value = Bytes::copy_from_slice(value);
        let mut contents = self.contents.write();
        let found = contents.get(key);
        if found.map(AsRef::as_ref) != expected {
            return Ok(CasOutcome::Changed(found.cloned()));
        }
        self.write(&mut contents, key, value)?;
        Ok(CasOutcome::Swapped)
    }

    fn write(&self, contents: &mut Contents, key: &str, value: Bytes) -> Result<(), StateError> {
        let after = contents.size_with(std::iter::once((key, value.len())));
        self.make_room(contents.size(), after)?;
        contents.put(key, value);
        Ok(())
    }

    /// Checks the size after a write and books its growth; a refused write books nothing.
    fn make_room(&self, before: Size, after: Size) -> Result<(), StateError> {
        if after.bytes > self.quota && after.bytes > before.bytes {
            return Err(StateError::Quota { quota: self.quota, needed: after.bytes });
        }
        let most = self.shared.options.max_keys;
        if after.keys > most {
            return Err(StateError::Full { what: "keys in one state", limit: most as u64 });
        }
        match after.bytes.checked_sub(before.bytes) {
            Some(growth) => self.shared.reserve(growth),
            None => {
                self.shared.release(before.bytes.saturating_sub(after.bytes));
                Ok(())
            }
        }
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        self.shared.release(self.contents.get_mut().size().bytes);
    }
}

impl Shared {
    fn reserve(&self, growth: u64) -> Result<(), StateError> {
        let limit = self.options.max_total_bytes;
        let fits = |total: u64| total.checked_add(growth).filter(|sum| growth == 0 || *sum <= limit);
        match self.total_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits) {
            Ok(_) => Ok(()),
            Err(_) => Err(StateError::Full { what: "bytes", limit }),
        }
    }

    fn release(&self, freed: u64) {
        self.total_bytes.fetch_sub(freed, Ordering::Relaxed);
    }
}

fn parse_integer(key: &str, value: &[u8]) -> Result<i64, StateError> {
    str::from_utf8(value).ok().and_then(|text| text.parse().ok()).ok_or_else(|| {
        StateError::Invalid(format!("the value of `{key}` is no decimal integer of 64 bits: set one first"))
    })
}
