use std::{fmt, iter, sync::Arc};

use bytes::Bytes;
use vyr_model::{BindMode, StateId};

use crate::{StateError, cell::Cell, kernel::Inner};

/// A task's way to one state. The state lives at least as long as its bindings.
pub struct Binding {
    id: StateId,
    mode: BindMode,
    cell: Arc<Cell>,
    kernel: Arc<Inner>,
}

/// One page of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPage {
    /// Keys in byte order.
    pub keys: Vec<String>,
    /// Where the next page begins; `None` at the end.
    pub cursor: Option<String>,
}

/// What a compare-and-swap found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CasOutcome {
    /// The value was the expected one and is replaced.
    Swapped,
    /// The value had changed to this.
    Changed(Option<Bytes>),
}

impl Binding {
    pub(crate) fn new(id: StateId, mode: BindMode, cell: Arc<Cell>, kernel: Arc<Inner>) -> Self {
        Self { id, mode, cell, kernel }
    }

    /// Returns what the binding may do.
    pub fn mode(&self) -> BindMode {
        self.mode
    }

    /// Returns the state that is bound.
    pub fn state(&self) -> StateId {
        self.id
    }

    /// Reads a value, without copying it.
    ///
    /// # Errors
    /// None now; the signature leaves room.
    pub fn get(&self, key: &str) -> Result<Option<Bytes>, StateError> {
        Ok(self.cell.get(key))
    }

    /// Writes a value.
    ///
    /// # Errors
    /// See [`set_many`](Self::set_many).
    pub fn set(&self, key: &str, value: &[u8]) -> Result<(), StateError> {
        self.writable()?.set(key, value)
    }

    /// Removes a key; one that is not there is no error.
    ///
    /// # Errors
    /// [`StateError::ReadOnly`].
    pub fn delete(&self, key: &str) -> Result<(), StateError> {
        self.writable()?.delete(iter::once(key));
        Ok(())
    }

    /// Tells whether a key is there.
    ///
    /// # Errors
    /// None now; the signature leaves room.
    pub fn exists(&self, key: &str) -> Result<bool, StateError> {
        Ok(self.cell.get(key).is_some())
    }

    /// Lists keys after `cursor`, a page at a time.
    ///
    /// # Errors
    /// None now; the signature leaves room.
    pub fn list_keys(&self, cursor: Option<&str>) -> Result<KeyPage, StateError> {
        Ok(self.cell.page(cursor))
    }

    /// Adds `delta` to a decimal integer value (an absent key counts as 0); returns the sum.
    ///
    /// # Errors
    /// [`StateError::Invalid`] when the value is no integer or the sum passes 64 bits, and those of
    /// [`set_many`](Self::set_many). The value stays as it was.
    pub fn increment(&self, key: &str, delta: i64) -> Result<i64, StateError> {
        self.writable()?.increment(key, delta)
    }

    /// Replaces the value of `key` when it still is `expected`.
    ///
    /// # Errors
    /// See [`set_many`](Self::set_many).
    pub fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
    ) -> Result<CasOutcome, StateError> {
        self.writable()?.compare_and_swap(key, expected, value)
    }

    /// Reads many values in one step; absent keys give `None`.
    ///
    /// # Errors
    /// None now; the signature leaves room.
    pub fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, StateError> {
        Ok(self.cell.get_many(keys))
    }

    /// Writes many values, all or none; of a key named twice the last value stays.
    ///
    /// # Errors
    /// [`StateError::ReadOnly`]; [`StateError::Invalid`] for a key or value that is too long;
    /// [`StateError::Quota`] when the state, [`StateError::Full`] when the node has no room.
    pub fn set_many(&self, pairs: &[(String, Vec<u8>)]) -> Result<(), StateError> {
        self.writable()?.set_many(pairs)
    }

    /// Removes many keys in one step.
    ///
    /// # Errors
    /// [`StateError::ReadOnly`].
    pub fn delete_many(&self, keys: &[String]) -> Result<(), StateError> {
        self.writable()?.delete(keys.iter().map(String::as_str));
        Ok(())
    }

    fn writable(&self) -> Result<&Cell, StateError> {
        match self.mode {
            BindMode::ReadWrite => Ok(&self.cell),
            BindMode::ReadOnly => Err(StateError::ReadOnly),
        }
    }
}

impl Drop for Binding {
    fn drop(&mut self) {
        self.kernel.unbind(self.id);
    }
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never what the state holds.
        f.debug_struct("Binding").field("state", &self.id).field("mode", &self.mode).finish_non_exhaustive()
    }
}
