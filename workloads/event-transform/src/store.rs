//! The state behind the join: `wasi:keyvalue`, bound by name.

mod bindings {
    wit_bindgen::generate!({ path: "../wit", world: "vyr:guests/stateful", generate_all });
}

use bindings::wasi::keyvalue::store::{self, Bucket, Error};

use crate::lookup::Source;

/// What a name stands for in this task.
pub enum Opened {
    /// A state.
    Bound(Bound),
    /// Nothing.
    NotBound,
}

/// A state that is bound to the task.
pub struct Bound(Bucket);

/// Opens the state bound as `name`; the error is in words for a person.
pub fn open(name: &str) -> Result<Opened, String> {
    match store::open(name) {
        Ok(bucket) => Ok(Opened::Bound(Bound(bucket))),
        Err(Error::NoSuchStore) => Ok(Opened::NotBound),
        Err(error) => Err(format!("cannot open the state `{name}`: {}", words(error))),
    }
}

impl Source for Bound {
    fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, String> {
        self.0.get(key).map_err(|error| format!("cannot read the key `{key}`: {}", words(error)))
    }
}

fn words(error: Error) -> String {
    match error {
        Error::NoSuchStore => "no such store".to_owned(),
        Error::AccessDenied => "access denied".to_owned(),
        Error::Other(text) => text,
    }
}
