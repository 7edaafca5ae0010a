use clap::ValueEnum;
use serde_json::Value;

use crate::ServerError;

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// Prints a value: as JSON, or a line a field, rows of a list apart by an empty line.
pub(super) fn say(output: Output, value: &Value) -> Result<(), ServerError> {
    match output {
        Output::Json => anstream::println!("{value:#}"),
        Output::Text => anstream::print!("{}", text(value)),
    }
    Ok(())
}

fn text(value: &Value) -> String {
    match value {
        Value::Array(rows) if rows.is_empty() => "nothing\n".to_owned(),
        Value::Array(rows) => rows.iter().map(text).collect::<Vec<_>>().join("\n"),
        Value::Object(fields) => {
            let width = fields.keys().map(String::len).max().unwrap_or(0);
            fields.iter().map(|(name, value)| format!("{name:width$}  {}\n", one(value))).collect()
        }
        other => format!("{}\n", one(other)),
    }
}

fn one(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn people_read_aligned_lines() {
        let rows = json!([{ "name": "a", "bytes": 5 }, { "name": null, "bytes": 6 }]);
        assert_eq!(text(&rows), "bytes  5\nname   a\n\nbytes  6\nname   -\n");
        assert_eq!(text(&json!([])), "nothing\n");
    }
}
