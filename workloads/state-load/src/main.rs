//! `state-load [STORE] < pairs`: fills the state bound as STORE (default `lookup`).
//!
//! A line is `{"key":"…","value":ANY JSON}` or `KEY,VALUE` (split at the first comma; the value is the rest,
//! as it stands). Both may be mixed. Keys come once or more: the last one wins within the input.

use std::io::{self, BufRead};
use std::process::ExitCode;

use serde::Deserialize;
use serde_json::value::RawValue;

mod bindings {
    wit_bindgen::generate!({ path: "../wit", world: "vyr:guests/stateful", generate_all });
}

use bindings::wasi::keyvalue::batch;
use bindings::wasi::keyvalue::store::{self, Bucket, Error};

/// Pairs in one host call.
const BATCH: usize = 256;

/// Bytes in one host call.
const BATCH_BYTES: usize = 1 << 20;

/// The longest line that is read.
const MAX_LINE: u64 = 4 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair<'a> {
    key: String,
    #[serde(borrow)]
    value: &'a RawValue,
}

fn main() -> ExitCode {
    let name = std::env::args().nth(1);
    let name = name.as_deref().unwrap_or("lookup");
    match load(name) {
        Ok(loaded) => {
            println!("loaded {loaded}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn load(name: &str) -> Result<u64, String> {
    let bucket =
        store::open(name).map_err(|error| format!("cannot open the state `{name}`: {}", words(error)))?;
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    let mut pairs: Vec<(String, Vec<u8>)> = Vec::with_capacity(BATCH);
    let (mut number, mut bytes, mut loaded) = (0_u64, 0, 0);
    loop {
        line.clear();
        let mut limited = io::Read::take(&mut input, MAX_LINE);
        if limited.read_until(b'\n', &mut line).map_err(|e| e.to_string())? == 0 {
            break;
        }
        number += 1;
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let (key, value) = pair(text).ok_or_else(|| format!("line {number} is no key and value"))?;
        bytes += key.len() + value.len();
        pairs.push((key, value));
        if pairs.len() >= BATCH || bytes >= BATCH_BYTES {
            loaded += store_all(&bucket, &mut pairs)?;
            bytes = 0;
        }
    }
    Ok(loaded + store_all(&bucket, &mut pairs)?)
}

fn pair(text: &[u8]) -> Option<(String, Vec<u8>)> {
    if text.starts_with(b"{") {
        let pair: Pair<'_> = serde_json::from_slice(text).ok()?;
        return Some((pair.key, pair.value.get().as_bytes().to_vec()));
    }
    let (key, value) = std::str::from_utf8(text).ok()?.split_once(',')?;
    (!key.is_empty()).then(|| (key.to_owned(), value.as_bytes().to_vec()))
}

fn store_all(bucket: &Bucket, pairs: &mut Vec<(String, Vec<u8>)>) -> Result<u64, String> {
    if pairs.is_empty() {
        return Ok(0);
    }
    let count = pairs.len();
    batch::set_many(bucket, pairs)
        .map_err(|error| format!("cannot write a batch of {count} keys: {}", words(error)))?;
    pairs.clear();
    Ok(count as u64)
}

fn words(error: Error) -> String {
    match error {
        Error::NoSuchStore => "no such store".to_owned(),
        Error::AccessDenied => "access denied".to_owned(),
        Error::Other(text) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::pair;

    #[test]
    fn both_forms_are_read() {
        let wanted = Some(("k".to_owned(), b"{\"a\":1}".to_vec()));
        assert_eq!(pair(br#"{"key":"k","value":{"a":1}}"#), wanted);
        assert_eq!(pair(br#"k,{"a":1}"#), wanted);
        assert_eq!(pair(b"no comma"), None);
        assert_eq!(pair(b",no key"), None);
        assert_eq!(pair(br#"{"key":"k"}"#), None);
    }
}
