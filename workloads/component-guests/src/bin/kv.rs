//! One operation on a state: `kv STORE COMMAND ARGS…`. Prints the result on stdout.
//!
//! ```text
//! get KEY             the value, or `none`
//! set KEY VALUE       `ok`
//! delete KEY          `ok`
//! exists KEY          `true` or `false`
//! list-keys           the keys of all pages, sorted, a line each
//! increment KEY DELTA the sum
//! cas KEY OLD NEW     `swapped`, `differs VALUE` (OLD is not the value), or `failed` (changed meanwhile)
//! cas-race KEY VALUE  writes between handle and swap: `failed, now VALUE`, then swaps again: `swapped`
//! get-many KEYS…      `KEY=VALUE` or `none`, a line each
//! set-many K=V…       `ok`
//! delete-many KEYS…   `ok`
//! fill N              sets k0…k(N-1) to a value of 64 bytes, one call each; `ok`
//! hold MS             opens the store, prints `holding`, sleeps, then `ok`
//! meet N TIMES        counts itself in `arrived` and waits until N have; then adds 1 to `sum` TIMES times by
//!                     increment, and to `swapped` as often by swaps; prints how many swaps it had to repeat
//! ```
//! On an error prints `error: no-such-store`, `error: access-denied` or `error: other: TEXT`, and exits 1.

use std::process::ExitCode;
use std::time::Duration;

use component_guests::bindings::wasi::keyvalue::atomics::{self, Cas, CasError};
use component_guests::bindings::wasi::keyvalue::batch;
use component_guests::bindings::wasi::keyvalue::store::{self, Bucket, Error};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let [store, command @ ..] = words.as_slice() else {
        return usage();
    };
    let result = store::open(store).and_then(|bucket| run(&bucket, command));
    match result {
        Ok(Some(text)) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Ok(None) => usage(),
        Err(error) => {
            match error {
                Error::NoSuchStore => println!("error: no-such-store"),
                Error::AccessDenied => println!("error: access-denied"),
                Error::Other(text) => println!("error: other: {text}"),
            }
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: kv STORE COMMAND ARGS…");
    ExitCode::from(64)
}

fn run(bucket: &Bucket, command: &[&str]) -> Result<Option<String>, Error> {
    let ok = |()| "ok".to_owned();
    Ok(Some(match command {
        ["get", key] => shown(bucket.get(key)?),
        ["set", key, value] => bucket.set(key, value.as_bytes()).map(ok)?,
        ["delete", key] => bucket.delete(key).map(ok)?,
        ["exists", key] => bucket.exists(key)?.to_string(),
        ["list-keys"] => all_keys(bucket)?.join("\n"),
        ["increment", key, delta] => atomics::increment(bucket, key, delta.parse().unwrap_or(1))?.to_string(),
        ["cas", key, old, new] => swap(bucket, key, old, new)?,
        ["cas-race", key, value] => race(bucket, key, value)?,
        ["get-many", keys @ ..] => batch::get_many(bucket, &owned(keys))?
            .into_iter()
            .map(|pair| match pair {
                Some((key, value)) => format!("{key}={}", String::from_utf8_lossy(&value)),
                None => "none".to_owned(),
            })
            .collect::<Vec<_>>()
            .join("\n"),
        ["set-many", pairs @ ..] => {
            let pairs: Vec<_> = pairs
                .iter()
                .filter_map(|pair| pair.split_once('='))
                .map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec()))
                .collect();
            batch::set_many(bucket, &pairs).map(ok)?
        }
        ["delete-many", keys @ ..] => batch::delete_many(bucket, &owned(keys)).map(ok)?,
        ["fill", n] => {
            for i in 0..n.parse().unwrap_or(0_u64) {
                bucket.set(&format!("k{i}"), &[b'v'; 64])?;
            }
            ok(())
        }
        ["hold", ms] => {
            println!("holding");
            std::thread::sleep(Duration::from_millis(ms.parse().unwrap_or(0)));
            ok(())
        }
        ["meet", n, times] => {
            meet(bucket, n.parse().unwrap_or(1))?;
            count(bucket, times.parse().unwrap_or(0))?.to_string()
        }
        _ => return Ok(None),
    }))
}

/// Returns once `n` guests have come here: all of them are under way then.
fn meet(bucket: &Bucket, n: u64) -> Result<(), Error> {
    atomics::increment(bucket, "arrived", 1)?;
    while number(bucket.get("arrived")?) < n {
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Counts by both ways at once; returns how many swaps came too late.
fn count(bucket: &Bucket, times: u64) -> Result<u64, Error> {
    let mut late = 0;
    for _ in 0..times {
        atomics::increment(bucket, "sum", 1)?;
        let mut cas = Cas::new(bucket, "swapped")?;
        loop {
            let next = number(cas.current()?).saturating_add(1).to_string();
            match atomics::swap(cas, next.as_bytes()) {
                Ok(()) => break,
                Err(CasError::CasFailed(retry)) => cas = retry,
                Err(CasError::StoreError(error)) => return Err(error),
            }
            late += 1;
        }
    }
    Ok(late)
}

/// A counter's value; 0 where there is none.
fn number(value: Option<Vec<u8>>) -> u64 {
    shown(value).parse().unwrap_or(0)
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn shown(value: Option<Vec<u8>>) -> String {
    value.map_or_else(|| "none".to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn all_keys(bucket: &Bucket) -> Result<Vec<String>, Error> {
    let mut keys = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = bucket.list_keys(cursor.as_deref())?;
        keys.extend(page.keys);
        match page.cursor {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    keys.sort();
    Ok(keys)
}

fn swap(bucket: &Bucket, key: &str, old: &str, new: &str) -> Result<String, Error> {
    let cas = Cas::new(bucket, key)?;
    let now = shown(cas.current()?);
    if now != old {
        return Ok(format!("differs {now}"));
    }
    match atomics::swap(cas, new.as_bytes()) {
        Ok(()) => Ok("swapped".to_owned()),
        Err(CasError::CasFailed(_)) => Ok("failed".to_owned()),
        Err(CasError::StoreError(error)) => Err(error),
    }
}

fn race(bucket: &Bucket, key: &str, value: &str) -> Result<String, Error> {
    let cas = Cas::new(bucket, key)?;
    bucket.set(key, b"in between")?;
    let retry = match atomics::swap(cas, value.as_bytes()) {
        Ok(()) => return Ok("swapped at once".to_owned()),
        Err(CasError::CasFailed(retry)) => retry,
        Err(CasError::StoreError(error)) => return Err(error),
    };
    println!("failed, now {}", shown(retry.current()?));
    match atomics::swap(retry, value.as_bytes()) {
        Ok(()) => Ok("swapped".to_owned()),
        Err(CasError::CasFailed(_)) => Ok("failed".to_owned()),
        Err(CasError::StoreError(error)) => Err(error),
    }
}
