use std::collections::BTreeMap;

use serde_json::Value;

use super::Node;

/// A span as the node's own stream tells it.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) name: String,
    /// Its attributes; numbers as text.
    pub(crate) attributes: BTreeMap<String, String>,
    /// Nanoseconds of Unix time.
    pub(crate) start: u64,
    /// Likewise.
    pub(crate) end: u64,
}

impl Span {
    /// Returns an attribute; nothing where the span has none of that name.
    pub(crate) fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    fn read(span: &Value) -> Self {
        let attributes = span["attributes"].as_array().into_iter().flatten();
        let attributes = attributes.map(|attribute| {
            let value = attribute["value"].as_object().unwrap().values().next().unwrap();
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (attribute["key"].as_str().unwrap().to_owned(), text)
        });
        let time = |name: &str| span[name].as_str().unwrap().parse().unwrap();
        Self {
            name: span["name"].as_str().unwrap().to_owned(),
            attributes: attributes.collect(),
            start: time("startTimeUnixNano"),
            end: time("endTimeUnixNano"),
        }
    }
}

impl Node {
    /// Reads the trace of a task that has ended.
    pub(crate) fn trace(&self, task: &str) -> Vec<Span> {
        let answer = self.curl().get(&format!("/traces?task={task}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let text = answer.text();
        let messages = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let data = messages.filter_map(|message| message.get("tracesData").cloned());
        let list = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
        let scopes = data
            .flat_map(|data| list(&data, "resourceSpans"))
            .flat_map(|resource| list(&resource, "scopeSpans"));
        scopes.flat_map(|scope| list(&scope, "spans")).map(|span| Span::read(&span)).collect()
    }

    /// Reads the one span of this name in a task's trace.
    #[track_caller]
    pub(crate) fn span(&self, task: &str, name: &str) -> Span {
        let mut spans = self.trace(task);
        let names: Vec<_> = spans.iter().map(|span| span.name.clone()).collect();
        let at = spans.iter().position(|span| span.name == name);
        spans.swap_remove(at.unwrap_or_else(|| panic!("no `{name}` in {names:?}")))
    }
}
