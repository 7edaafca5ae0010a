use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Unbounded},
};

use bytes::Bytes;

use crate::KeyPage;

/// The keys and values of one state, with their exact size. Pure: limits are the caller's.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    entries: BTreeMap<Box<str>, Bytes>,
    bytes: u64,
}

/// What a state would hold after a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) bytes: u64,
    pub(crate) keys: usize,
}

impl Contents {
    pub(crate) fn size(&self) -> Size {
        Size { bytes: self.bytes, keys: self.entries.len() }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Bytes> {
        self.entries.get(key)
    }

    /// Returns the size after writing `pairs`, in which each key stands once.
    pub(crate) fn size_with<'a>(&self, pairs: impl Iterator<Item = (&'a str, usize)>) -> Size {
        pairs.fold(self.size(), |size, (key, length)| match self.entries.get(key) {
            Some(old) => {
                Size { bytes: (size.bytes + length as u64).saturating_sub(old.len() as u64), ..size }
            }
            None => Size { bytes: size.bytes + entry_bytes(key, length), keys: size.keys + 1 },
        })
    }

    pub(crate) fn put(&mut self, key: &str, value: Bytes) {
        let size = self.size_with(std::iter::once((key, value.len())));
        match self.entries.get_mut(key) {
            Some(old) => *old = value,
            None => {
                self.entries.insert(key.into(), value);
            }
        }
        self.bytes = size.bytes;
    }

    /// Removes a key and returns how many bytes that frees.
    pub(crate) fn remove(&mut self, key: &str) -> u64 {
        let freed = self.entries.remove(key).map_or(0, |value| entry_bytes(key, value.len()));
        self.bytes = self.bytes.saturating_sub(freed);
        freed
    }

    /// Lists at most `most` keys (at least one) after `cursor`, in byte order.
    pub(crate) fn page(&self, cursor: Option<&str>, most: usize) -> KeyPage {
        let from = cursor.map_or(Unbounded, Excluded);
        let mut range = self.entries.range::<str, _>((from, Unbounded)).map(|(key, _)| key);
        let keys: Vec<String> = range.by_ref().take(most.max(1)).map(|key| key.to_string()).collect();
        let cursor = range.next().and_then(|_| keys.last().cloned());
        KeyPage { keys, cursor }
    }
}

fn entry_bytes(key: &str, length: usize) -> u64 {
    key.len() as u64 + length as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_keys_and_values_to_the_byte() {
        let mut contents = Contents::default();
        contents.put("ab", Bytes::from_static(b"123"));
        contents.put("c", Bytes::new());
        assert_eq!(contents.size(), Size { bytes: 6, keys: 2 });
        contents.put("ab", Bytes::from_static(b"1"));
        assert_eq!(contents.size(), Size { bytes: 4, keys: 2 });
        assert_eq!(contents.remove("ab"), 3);
        assert_eq!(contents.remove("ab"), 0);
        assert_eq!(contents.size(), Size { bytes: 1, keys: 1 });
    }

    #[test]
    fn pages_cover_every_key_once() {
        let mut contents = Contents::default();
        for key in ["", "a", "b", "ba", "c"] {
            contents.put(key, Bytes::new());
        }
        let first = contents.page(None, 2);
        assert_eq!((first.keys, first.cursor.as_deref()), (vec!["".into(), "a".into()], Some("a")));
        let second = contents.page(Some("a"), 2);
        assert_eq!((second.keys, second.cursor.as_deref()), (vec!["b".into(), "ba".into()], Some("ba")));
        let last = contents.page(Some("ba"), 2);
        assert_eq!((last.keys, last.cursor), (vec!["c".into()], None));
        assert_eq!(contents.page(Some("zz"), 2), KeyPage { keys: vec![], cursor: None });
    }
}
