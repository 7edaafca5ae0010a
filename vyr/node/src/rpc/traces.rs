use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use connectrpc::{ConnectError, ErrorCode};
use futures::Stream;
use vyr_model::TaskId;
use vyr_proto::control::{StreamTracesRequest, StreamTracesResponse, TaskStatus};
use vyr_telemetry::{
    Filter, Subscription, TaskEvent, otlp,
    record::{Ended, History, HistoryQuery, Order, RecordError},
};

use crate::{Refusal, streams::StreamPlace, supervisor::Supervisor};

/// Tasks in one message at most.
const BATCH: usize = 256;
/// Bytes of a message after which no further task joins it: with the largest task more it still is less
/// than the 4 MiB that gRPC clients take by default.
const BATCH_BYTES: usize = 1 << 20;

/// Streams history, then what follows.
pub(crate) async fn stream(
    supervisor: Arc<Supervisor>,
    request: StreamTracesRequest,
    place: StreamPlace,
) -> Result<impl Stream<Item = Result<StreamTracesResponse, ConnectError>> + Send, Refusal> {
    if request.no_history && !request.follow {
        let mend = "set `follow`, or leave `no_history` out";
        return Err(Refusal::field("no_history", "nothing is asked for: neither history nor follow", mend));
    }
    let absent = Default::default();
    let filter = Filter::try_from(request.filter.as_option().unwrap_or(&absent)).map_err(|error| {
        Refusal::field(error.field(), error.to_string(), "send ids and digests as the API prints them")
    })?;
    for task in &filter.tasks {
        if !supervisor.knows(*task).await? {
            return Err(task_not_found(*task));
        }
    }
    // before the history is read, so that nothing falls between the two
    let live = if request.follow { Some(supervisor.subscribe(&of_tasks(&filter))?) } else { None };
    // after the subscription, so that their ends come live, and before the history is read, so that the ends of
    // the others are in it
    let open = filter.tasks.iter().copied().filter(|task| supervisor.table.get(*task).is_some()).collect();
    let limit = usize::try_from(request.history_limit).ok().filter(|limit| *limit > 0);
    // with `follow` their ends come live
    let standing = if request.follow { HashSet::new() } else { supervisor.standing(&filter) };
    let stage = match limit {
        _ if request.no_history => Stage::Live,
        None => {
            let query = HistoryQuery { filter: filter.clone(), order: Order::OldestFirst, limit: None };
            Stage::History(Box::new(supervisor.record.history(query).await))
        }
        Some(limit) => Stage::Newest(newest(&supervisor, &filter, limit).await?),
    };
    let spans = !request.no_spans;
    let (ending, received) = (HashSet::new(), VecDeque::new());
    let reader =
        Reader { supervisor, filter, stage, live, open, standing, ending, received, spans, _place: place };
    Ok(futures::stream::unfold(reader, Reader::next))
}

/// Returns a filter for all that happens to the tasks that `filter` names: their ends must be seen,
/// whatever else it says. One that names none is returned as it is.
fn of_tasks(filter: &Filter) -> Filter {
    if filter.tasks.is_empty() {
        return filter.clone();
    }
    let mut all = Filter::default();
    all.tasks.clone_from(&filter.tasks);
    all
}

/// Lists the last `limit` tasks of the history, the newest first.
async fn newest(supervisor: &Supervisor, filter: &Filter, limit: usize) -> Result<Vec<TaskId>, Refusal> {
    let query = HistoryQuery { filter: filter.clone(), order: Order::NewestFirst, limit: Some(limit) };
    let ended = supervisor.record.history(query).await;
    let ids = ended.filter_map(|ended| match ended {
        Ok(ended) => ended.task_id.try_into().ok().map(|id| Ok(TaskId::from_bytes(id))),
        Err(error) => Some(Err(damaged(&error))),
    });
    ids.collect()
}

/// Refuses a task id that the node does not know.
pub(crate) fn task_not_found(task: TaskId) -> Refusal {
    Refusal::new(
        ErrorCode::NotFound,
        "TASK_NOT_FOUND",
        task,
        format!("there is no task `{task}`: it was never submitted here, or its record was retired"),
        "list tasks with `vyr task ls`",
    )
}

struct Reader {
    supervisor: Arc<Supervisor>,
    filter: Filter,
    stage: Stage,
    live: Option<Subscription>,
    /// Tasks of the filter that have not been seen to end.
    open: HashSet<TaskId>,
    /// Tasks that had not ended before the history was read, and that it did not show.
    standing: HashSet<TaskId>,
    /// Tasks whose end the history showed while the supervisor still listed them.
    ending: HashSet<TaskId>,
    /// Live events that wait for the next message.
    received: VecDeque<Arc<TaskEvent>>,
    spans: bool,
    _place: StreamPlace,
}

/// Where a stream stands.
enum Stage {
    History(Box<History>),
    /// The tasks of a limited history that are still to be sent; the last comes first.
    Newest(Vec<TaskId>),
    Unfinished,
    /// Tasks that have not ended.
    Standing(Vec<TaskStatus>),
    /// Tasks that ended while the history was read, after its last page; the last comes first.
    Meanwhile(Vec<TaskId>),
    Complete,
    Live,
}

impl Reader {
    /// Returns the next message and the reader itself; `None` at the end.
    async fn next(mut self) -> Option<(Result<StreamTracesResponse, ConnectError>, Self)> {
        let message = loop {
            self.stage = match &mut self.stage {
                Stage::History(history) => match page(history) {
                    Ok(page) if page.is_empty() => Stage::Unfinished,
                    Ok(page) => break Ok(self.ended(&page)),
                    Err(error) => break Err(damaged(&error).into()),
                },
                Stage::Newest(ids) if ids.is_empty() => Stage::Unfinished,
                Stage::Newest(ids) => match read(&self.supervisor, ids).await {
                    Ok(page) => break Ok(self.ended(&page)),
                    Err(error) => break Err(damaged(&error).into()),
                },
                Stage::Unfinished => {
                    let mut tasks = self.supervisor.unfinished(&self.filter);
                    tasks.retain(|task| !self.has_ended(task));
                    Stage::Standing(tasks)
                }
                Stage::Standing(tasks) if tasks.is_empty() => {
                    Stage::Meanwhile(self.standing.drain().collect())
                }
                Stage::Standing(tasks) => {
                    let rest = tasks.split_off(tasks.len().min(BATCH));
                    let tasks = std::mem::replace(tasks, rest);
                    break Ok(StreamTracesResponse { tasks, ..Default::default() });
                }
                Stage::Meanwhile(ids) if ids.is_empty() => Stage::Complete,
                Stage::Meanwhile(ids) => match read(&self.supervisor, ids).await {
                    Ok(mut page) => {
                        page.retain(|ended| self.passes(ended));
                        break Ok(self.ended(&page));
                    }
                    Err(error) => break Err(damaged(&error).into()),
                },
                Stage::Complete => {
                    self.stage = Stage::Live;
                    break Ok(StreamTracesResponse { history_complete: true, ..Default::default() });
                }
                Stage::Live => {
                    let mut dropped = 0;
                    if self.received.is_empty() {
                        let over = !self.filter.tasks.is_empty() && self.open.is_empty();
                        let live = self.live.as_mut()?;
                        let received =
                            if over { live.receive_now(BATCH)? } else { live.receive(BATCH).await? };
                        self.received.extend(received.events);
                        dropped = received.dropped;
                    }
                    let weights = self.received.iter().map(|event| weight(&event.status));
                    let events: Vec<_> = self.received.drain(..fitting(weights)).collect();
                    match self.message(&events, dropped) {
                        Some(message) => break Ok(message),
                        None => Stage::Live,
                    }
                }
            };
        };
        Some((message, self))
    }

    /// Makes a message of finished tasks of the history.
    fn ended(&mut self, page: &[Ended]) -> StreamTracesResponse {
        let tasks: Vec<TaskStatus> =
            page.iter().filter_map(|ended| ended.status.as_option().cloned()).collect();
        for task in &tasks {
            self.note_end(task);
        }
        let traces_data = if self.spans { self.encode(page.iter()) } else { Vec::new() };
        StreamTracesResponse { tasks, traces_data, ..Default::default() }
    }

    /// Notes that the history showed a task's end.
    fn note_end(&mut self, task: &TaskStatus) {
        let Ok(id) = task.task_id.parse() else { return };
        self.open.remove(&id);
        self.standing.remove(&id);
        if self.supervisor.table.get(id).is_some() {
            self.ending.insert(id);
        }
    }

    /// Tells whether the history showed the end of a task that the supervisor lists; one that has
    /// not ended is no longer missed.
    fn has_ended(&mut self, task: &TaskStatus) -> bool {
        let Ok(id) = task.task_id.parse() else { return false };
        self.standing.remove(&id);
        self.ending.contains(&id)
    }

    /// Tells whether a task that passed the filter before still does, now that it has ended.
    fn passes(&self, ended: &Ended) -> bool {
        let state = ended.status.as_option().and_then(|status| status.state.as_known());
        state.is_some_and(|state| self.filter.states.is_empty() || self.filter.states.contains(&state))
    }

    /// Makes a message of live events; `None` where none of them passes the filter.
    fn message(&mut self, events: &[Arc<TaskEvent>], dropped: u64) -> Option<StreamTracesResponse> {
        for event in events {
            self.close(&event.status);
        }
        let picked = || events.iter().filter(|event| self.filter.matches(&event.key));
        let tasks: Vec<TaskStatus> = picked().map(|event| event.status.clone()).collect();
        if tasks.is_empty() && dropped == 0 {
            return None;
        }
        let ended = picked().filter_map(|event| event.ended.as_deref());
        let traces_data = if self.spans { self.encode(ended) } else { Vec::new() };
        Some(StreamTracesResponse { tasks, traces_data, dropped, ..Default::default() })
    }

    fn encode<'a>(&self, ended: impl Iterator<Item = &'a Ended>) -> Vec<u8> {
        otlp::encode_traces(ended, &self.supervisor.resource)
    }

    fn close(&mut self, task: &TaskStatus) {
        if task.end_time.is_set()
            && let Ok(id) = task.task_id.parse()
        {
            self.open.remove(&id);
        }
    }
}

fn page(history: &mut History) -> Result<Vec<Ended>, RecordError> {
    let (mut page, mut bytes) = (Vec::new(), 0);
    while page.len() < BATCH
        && bytes < BATCH_BYTES
        && let Some(ended) = history.next()
    {
        let ended = ended?;
        bytes += ended.status.as_option().map_or(0, weight);
        page.push(ended);
    }
    Ok(page)
}

/// Reads a message's worth of the history, the last of `ids` first. One that was retired meanwhile is left out.
async fn read(supervisor: &Supervisor, ids: &mut Vec<TaskId>) -> Result<Vec<Ended>, RecordError> {
    let (mut page, mut bytes) = (Vec::new(), 0);
    while page.len() < BATCH
        && bytes < BATCH_BYTES
        && let Some(id) = ids.pop()
    {
        if let Some(ended) = supervisor.record.ended(id).await? {
            bytes += ended.status.as_option().map_or(0, weight);
            page.push(ended);
        }
    }
    Ok(page)
}

/// Tells about how many bytes a task takes in a message, its spans included.
fn weight(status: &TaskStatus) -> usize {
    const TASK: usize = 3 << 10;
    const FILE: usize = 100;
    status.files.iter().fold(TASK, |sum, file| sum + file.path.len() + FILE)
}

/// Tells how many of those with these weights go into one message: one at least.
fn fitting(weights: impl Iterator<Item = usize>) -> usize {
    let mut bytes = 0;
    let fits = |weight: &usize| {
        let fits = bytes < BATCH_BYTES;
        bytes += weight;
        fits
    };
    weights.take_while(fits).count()
}

/// Refuses because a part of the record cannot be read.
pub(crate) fn damaged(error: &RecordError) -> Refusal {
    Refusal::new(
        ErrorCode::DataLoss,
        "RECORD_UNREADABLE",
        "record",
        format!("the task record could not be read: {error}"),
        "run `vyr doctor` on the node's machine",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_holds_one_task_at_least_and_a_mebibyte_about() {
        assert_eq!(fitting([].into_iter()), 0);
        assert_eq!(fitting([5 << 20, 1].into_iter()), 1);
        assert_eq!(fitting(std::iter::repeat_n(BATCH_BYTES / 4, 100)), 4);
    }
}
