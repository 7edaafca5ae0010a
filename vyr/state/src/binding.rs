use bytes::Bytes;
use vyr_model::BindMode;

use crate::StateError;

/// A task's way to one state. The state lives at least as long as its bindings.
#[derive(Debug)]
pub struct Binding {
    mode: BindMode,
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

#[expect(clippy::todo, clippy::missing_errors_doc, unused_variables, reason = "the signatures come first")]
impl Binding {
    /// Returns what the binding may do.
    pub fn mode(&self) -> BindMode {
        self.mode
    }

    /// Reads a value.
    pub fn get(&self, key: &str) -> Result<Option<Bytes>, StateError> {
        todo!()
    }

    /// Writes a value.
    pub fn set(&self, key: &str, value: &[u8]) -> Result<(), StateError> {
        todo!()
    }

    /// Removes a key; one that is not there is no error.
    pub fn delete(&self, key: &str) -> Result<(), StateError> {
        todo!()
    }

    /// Tells whether a key is there.
    pub fn exists(&self, key: &str) -> Result<bool, StateError> {
        todo!()
    }

    /// Lists keys after `cursor`, a page at a time.
    pub fn list_keys(&self, cursor: Option<&str>) -> Result<KeyPage, StateError> {
        todo!()
    }

    /// Adds `delta` to a decimal integer value (an absent key counts as 0); returns the sum.
    pub fn increment(&self, key: &str, delta: i64) -> Result<i64, StateError> {
        todo!()
    }

    /// Replaces the value of `key` when it still is `expected`.
    pub fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
    ) -> Result<CasOutcome, StateError> {
        todo!()
    }

    /// Reads many values in one step; absent keys give `None`.
    pub fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, StateError> {
        todo!()
    }

    /// Writes many values, all or none.
    pub fn set_many(&self, pairs: &[(String, Vec<u8>)]) -> Result<(), StateError> {
        todo!()
    }

    /// Removes many keys in one step.
    pub fn delete_many(&self, keys: &[String]) -> Result<(), StateError> {
        todo!()
    }
}
