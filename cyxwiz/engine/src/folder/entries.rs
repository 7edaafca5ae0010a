use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::JobError;

/// What a settings file says, in its order.
#[derive(Debug)]
pub(super) struct Entries {
    pub(super) file: &'static str,
    pub(super) entries: Vec<(String, Value)>,
}

impl Entries {
    pub(super) fn json(text: &str, file: &'static str) -> Result<Self, JobError> {
        let entries: Map = serde_json::from_str(text).map_err(|error| malformed(file, &error))?;
        entries.once(file)
    }

    pub(super) fn yaml(text: &str, file: &'static str) -> Result<Self, JobError> {
        // nothing but comments says nothing
        let entries: Option<Map> = serde_norway::from_str(text).map_err(|error| malformed(file, &error))?;
        entries.unwrap_or_default().once(file)
    }
}

fn malformed(file: &'static str, why: &dyn fmt::Display) -> JobError {
    JobError::Malformed { file, why: why.to_string().replace('\n', " ") }
}

/// A map that keeps what is said twice, to refuse it.
#[derive(Default)]
struct Map(Vec<(String, Value)>);

impl Map {
    fn once(self, file: &'static str) -> Result<Entries, JobError> {
        let twice = self
            .0
            .iter()
            .enumerate()
            .find(|(at, (key, _))| self.0.iter().take(*at).any(|(earlier, _)| earlier == key));
        match twice {
            Some((_, (key, _))) => Err(JobError::Twice { file, key: key.escape_debug().take(60).collect() }),
            None => Ok(Entries { file, entries: self.0 }),
        }
    }
}

impl<'de> Deserialize<'de> for Map {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entry;

        impl<'de> Visitor<'de> for Entry {
            type Value = Map;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("names with values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Map, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Map(entries))
            }
        }

        deserializer.deserialize_map(Entry)
    }
}
