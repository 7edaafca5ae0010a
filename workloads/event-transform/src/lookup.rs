//! The join: values of a state, encoded once and kept while there is room.

use std::collections::HashMap;

use serde_json::value::RawValue;

/// The most keys that are kept.
const MAX_KEYS: usize = 65_536;

/// The most bytes of encoded values that are kept.
const MAX_BYTES: usize = 16 << 20;

/// Where values come from.
pub trait Source {
    /// Returns the value of `key`; the error is in words for a person.
    fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, String>;
}

/// A source with a bounded cache. When the bound is reached the whole cache is dropped and fills again:
/// the result is the same, only slower.
pub struct Lookup<S> {
    source: S,
    cache: HashMap<Box<str>, Option<Box<str>>>,
    bytes: usize,
    resets: u64,
}

impl<S: Source> Lookup<S> {
    /// Starts with an empty cache.
    pub fn new(source: S) -> Self {
        Self { source, cache: HashMap::new(), bytes: 0, resets: 0 }
    }

    /// Returns the value of `key` as one line of JSON: as it stands if it is JSON, else as a string.
    pub fn json(&mut self, key: &str) -> Result<Option<&str>, String> {
        if !self.cache.contains_key(key) {
            let value = self.source.get(key)?.map(|bytes| encode(&bytes));
            let size = value.as_ref().map_or(0, |text| text.len());
            if self.cache.len() >= MAX_KEYS || self.bytes + size > MAX_BYTES {
                self.cache.clear();
                self.bytes = 0;
                self.resets += 1;
            }
            self.bytes += size;
            self.cache.insert(key.into(), value);
        }
        Ok(self.cache.get(key).and_then(Option::as_deref))
    }

    /// How often the cache was full.
    pub fn resets(&self) -> u64 {
        self.resets
    }
}

fn encode(bytes: &[u8]) -> Box<str> {
    match serde_json::from_slice::<&RawValue>(bytes) {
        // In JSON a bare line end can only be white space.
        Ok(raw) => raw.get().replace(['\n', '\r'], " ").into(),
        Err(_) => serde_json::Value::from(String::from_utf8_lossy(bytes)).to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(u64);

    impl Source for Counting {
        fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, String> {
            self.0 += 1;
            Ok((key != "none").then(|| format!("{{\"of\":\n\"{key}\"}}").into_bytes()))
        }
    }

    #[test]
    fn a_key_is_asked_for_once_even_when_absent() {
        let mut lookup = Lookup::new(Counting(0));
        for _ in 0..3 {
            assert_eq!(lookup.json("a").unwrap(), Some(r#"{"of": "a"}"#));
            assert_eq!(lookup.json("none").unwrap(), None);
        }
        assert_eq!(lookup.source.0, 2);
    }

    #[test]
    fn a_full_cache_starts_over() {
        let mut lookup = Lookup::new(Counting(0));
        for n in 0..=MAX_KEYS {
            lookup.json(&n.to_string()).unwrap();
        }
        assert_eq!((lookup.resets(), lookup.cache.len()), (1, 1));
    }

    #[test]
    fn text_becomes_a_string() {
        assert_eq!(&*encode(b"plain \"text\"\n"), r#""plain \"text\"\n""#);
        assert_eq!(&*encode(b"[1, 2]"), "[1, 2]");
    }
}
