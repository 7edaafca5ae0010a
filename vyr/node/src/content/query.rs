use buffa_types::google::protobuf::Timestamp;
use serde::Deserialize;
use vyr_proto::control::{StreamTracesRequest, TaskState, TraceFilter};

use crate::Refusal;

/// The query of `/traces`: the fields of `StreamTracesRequest`, flat.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TracesQuery {
    task: Option<String>,
    artifact: Option<String>,
    states: Option<String>,
    since: Option<String>,
    until: Option<String>,
    follow: bool,
    no_history: bool,
    history_limit: u32,
    no_spans: bool,
}

impl TracesQuery {
    /// Makes the request that a caller of the API would have sent.
    pub(super) fn request(self) -> Result<StreamTracesRequest, Refusal> {
        let list = |text: &Option<String>| -> Vec<String> {
            text.iter().flat_map(|text| text.split(',')).map(str::to_owned).collect()
        };
        let states: Result<Vec<TaskState>, Refusal> =
            list(&self.states).iter().map(|name| state(name)).collect();
        let filter = TraceFilter {
            task_ids: list(&self.task),
            artifact_digest: self.artifact.unwrap_or_default(),
            states: states?.into_iter().map(Into::into).collect(),
            since: self.since.map(|text| time("since", text)).transpose()?.into(),
            until: self.until.map(|text| time("until", text)).transpose()?.into(),
            ..Default::default()
        };
        Ok(StreamTracesRequest {
            filter: filter.into(),
            follow: self.follow,
            no_history: self.no_history,
            history_limit: self.history_limit,
            no_spans: self.no_spans,
            ..Default::default()
        })
    }
}

/// Reads a state by its short name, or by the API's.
fn state(name: &str) -> Result<TaskState, Refusal> {
    let short = name.strip_prefix("TASK_STATE_").unwrap_or(name);
    match short.to_ascii_lowercase().as_str() {
        "queued" => Ok(TaskState::Queued),
        "starting" => Ok(TaskState::Starting),
        "running" => Ok(TaskState::Running),
        "succeeded" => Ok(TaskState::Succeeded),
        "failed" => Ok(TaskState::Failed),
        "cancelled" => Ok(TaskState::Cancelled),
        "lost" => Ok(TaskState::Lost),
        _ => Err(Refusal::field(
            "query",
            format!("`{name}` is no state of a task"),
            "write queued, starting, running, succeeded, failed, cancelled or lost, with commas between",
        )),
    }
}

fn time(parameter: &str, text: String) -> Result<Timestamp, Refusal> {
    let value = serde_json::Value::String(text);
    serde_json::from_value(value).map_err(|error| {
        let message = format!("`{parameter}` is no time: {error}");
        Refusal::field("query", message, "write RFC 3339 such as 2026-01-31T12:00:00Z; `+` is %2B in a query")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_filter_of_the_call_has_a_parameter() {
        let query = TracesQuery {
            states: Some("failed,TASK_STATE_LOST".to_owned()),
            since: Some("1970-01-01T00:00:01Z".to_owned()),
            until: Some("1970-01-01T01:00:02+01:00".to_owned()),
            ..Default::default()
        };
        let request = query.request().unwrap();
        let filter = request.filter.as_option().unwrap();
        let states: Vec<_> = filter.states.iter().map(|state| state.as_known().unwrap()).collect();
        assert_eq!(states, [TaskState::Failed, TaskState::Lost]);
        assert_eq!((filter.since.seconds, filter.until.seconds), (1, 2));
        for bad in [
            TracesQuery { states: Some("ended".to_owned()), ..Default::default() },
            TracesQuery { since: Some("yesterday".to_owned()), ..Default::default() },
        ] {
            assert_eq!(bad.request().unwrap_err().subject, "query");
        }
    }
}
