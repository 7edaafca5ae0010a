//! Reading what programs print for programs: what is not there is an error that says so.

use anyhow::{Context as _, Result};
use serde_json::Value;

/// The text at a pointer such as `/ending/reason`.
pub(super) fn text<'a>(value: &'a Value, at: &str) -> Result<&'a str> {
    let found = value.pointer(at).and_then(Value::as_str);
    found.with_context(|| format!("no text at `{at}` of {value}"))
}

/// The number at a pointer, also where it stands as text, as amounts do.
pub(super) fn number(value: &Value, at: &str) -> Result<u64> {
    let found = value.pointer(at).and_then(|found| match found {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    });
    found.with_context(|| format!("no number at `{at}` of {value}"))
}

/// The list at a pointer.
pub(super) fn list<'a>(value: &'a Value, at: &str) -> Result<&'a [Value]> {
    let found = value.pointer(at).and_then(Value::as_array);
    found.map(Vec::as_slice).with_context(|| format!("no list at `{at}` of {value}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn amounts_are_texts_and_numbers() {
        let value = json!({ "a": { "b": "18446744073709551615", "c": 7 }, "d": ["x"] });
        assert_eq!(number(&value, "/a/b").unwrap(), u64::MAX);
        assert_eq!(number(&value, "/a/c").unwrap(), 7);
        assert_eq!(text(&value, "/d/0").unwrap(), "x");
        assert_eq!(list(&value, "/d").unwrap().len(), 1);
        assert!(number(&value, "/d").unwrap_err().to_string().starts_with("no number at `/d` of "));
    }
}
