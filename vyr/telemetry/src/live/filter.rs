use std::collections::HashSet;

use vyr_model::{Digest, TaskId};
use vyr_proto::control::{TaskState, TaskStatus, TraceFilter};

/// At most this many task ids in a filter; the Control API says so.
const MAX_TASK_IDS: usize = 1_024;

/// What a filter looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskKey {
    /// The task.
    pub task: TaskId,
    /// Its artifact.
    pub artifact: Digest,
    /// Where it stands.
    pub state: TaskState,
    /// When it was accepted, in nanoseconds since the Unix epoch.
    pub accepted_unix_nanos: u64,
}

impl TaskKey {
    /// Reads the key out of a status; `None` where the status is not whole.
    pub fn of(status: &TaskStatus) -> Option<Self> {
        Some(Self {
            task: status.task_id.parse().ok()?,
            artifact: status.artifact_digest.parse().ok()?,
            state: status.state.as_known()?,
            accepted_unix_nanos: unix_nanos(status.accept_time.as_option()?),
        })
    }
}

/// Picks tasks: the parsed form of the Control API's `TraceFilter`. What is set must all hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only these tasks; empty is any.
    pub tasks: HashSet<TaskId>,
    /// Only tasks of this artifact.
    pub artifact: Option<Digest>,
    /// Only tasks in one of these states; empty is any.
    pub states: Vec<TaskState>,
    /// Only tasks accepted at or after this, in nanoseconds since the Unix epoch.
    pub since_unix_nanos: u64,
    /// Only tasks accepted before this, in nanoseconds since the Unix epoch.
    pub until_unix_nanos: Option<u64>,
}

/// A `TraceFilter` says what cannot be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FilterError {
    /// Too many task ids.
    #[error("`filter.task_ids` names {0} tasks: name at most 1024, or none for all")]
    TooManyTasks(usize),
    /// No task id.
    #[error("`filter.task_ids`: {0}")]
    Task(#[source] vyr_model::IdParseError),
    /// No digest.
    #[error("`filter.artifact_digest`: {0}")]
    Artifact(#[source] vyr_model::DigestParseError),
    /// No state that a task can be in.
    #[error("`filter.states` has the unknown state {0}: use queued to lost, 1 to 7")]
    State(i32),
}

impl FilterError {
    /// Returns the field that is wrong.
    pub const fn field(&self) -> &'static str {
        match self {
            Self::TooManyTasks(_) | Self::Task(_) => "filter.task_ids",
            Self::Artifact(_) => "filter.artifact_digest",
            Self::State(_) => "filter.states",
        }
    }
}

impl Filter {
    /// Picks one task.
    pub fn task(task: TaskId) -> Self {
        Self { tasks: HashSet::from([task]), ..Self::default() }
    }

    /// Adds a state to those that are let through.
    #[must_use]
    pub fn with_state(mut self, state: TaskState) -> Self {
        self.states.push(state);
        self
    }

    /// Tells whether a task is picked.
    pub fn matches(&self, key: &TaskKey) -> bool {
        (self.tasks.is_empty() || self.tasks.contains(&key.task))
            && self.artifact.is_none_or(|artifact| artifact == key.artifact)
            && (self.states.is_empty() || self.states.contains(&key.state))
            && self.in_time(key.accepted_unix_nanos, key.accepted_unix_nanos)
    }

    /// Tells whether a task accepted between `oldest` and `newest` could be picked.
    pub(crate) fn in_time(&self, oldest: u64, newest: u64) -> bool {
        newest >= self.since_unix_nanos && self.until_unix_nanos.is_none_or(|until| oldest < until)
    }
}

fn unix_nanos(time: &buffa_types::google::protobuf::Timestamp) -> u64 {
    let seconds = u64::try_from(time.seconds).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.nanos).unwrap_or(0))
}

impl TryFrom<&TraceFilter> for Filter {
    type Error = FilterError;

    fn try_from(wire: &TraceFilter) -> Result<Self, Self::Error> {
        if wire.task_ids.len() > MAX_TASK_IDS {
            return Err(FilterError::TooManyTasks(wire.task_ids.len()));
        }
        let mut filter = Self {
            since_unix_nanos: wire.since.as_option().map_or(0, unix_nanos),
            until_unix_nanos: wire.until.as_option().map(unix_nanos),
            ..Self::default()
        };
        for id in &wire.task_ids {
            filter.tasks.insert(id.parse().map_err(FilterError::Task)?);
        }
        if !wire.artifact_digest.is_empty() {
            filter.artifact = Some(wire.artifact_digest.parse().map_err(FilterError::Artifact)?);
        }
        for state in &wire.states {
            match state.as_known() {
                Some(state) if state != TaskState::TASK_STATE_UNSPECIFIED => {
                    filter.states.push(state);
                }
                _ => return Err(FilterError::State(state.to_i32())),
            }
        }
        Ok(filter)
    }
}
