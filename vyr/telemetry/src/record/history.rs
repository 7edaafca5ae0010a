use std::vec;

use vyr_model::TaskId;
use vyr_proto::record::{Ended, entry::Entry as Kind};

use super::{
    RecordError, Shared,
    index::Closed,
    segment::Segment,
    store::{Store, read_entry},
};
use crate::{Filter, TaskKey};

/// Which tasks to read, in which order.
#[derive(Debug, Clone, Default)]
pub struct HistoryQuery {
    /// Which tasks.
    pub filter: Filter,
    /// In which order of their ends.
    pub order: Order,
    /// At most this many; `None` is all that the record keeps.
    pub limit: Option<usize>,
}

/// The order of history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The last that ended comes first.
    #[default]
    NewestFirst,
    /// The first that ended comes first.
    OldestFirst,
}

/// Tasks that ended, read from disk one by one. A damaged entry is an `Err` item; the next call
/// goes on after it. Segments that are deleted meanwhile are still read.
#[derive(Debug)]
pub struct History {
    store: Shared<Store>,
    query: HistoryQuery,
    left: usize,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Tasks(vec::IntoIter<TaskId>),
    Segments { rest: vec::IntoIter<Part>, current: Option<(Segment, vec::IntoIter<u32>)> },
}

#[derive(Debug)]
enum Part {
    Open(Segment, Vec<u32>),
    Closed(Shared<Closed>),
}

impl History {
    pub(super) fn new(store: &Shared<Store>, query: HistoryQuery) -> Self {
        let source = if query.filter.tasks.is_empty() {
            Source::Segments { rest: parts(store, &query).into_iter(), current: None }
        } else {
            let mut tasks: Vec<_> = query.filter.tasks.iter().copied().collect();
            tasks.sort_unstable();
            if query.order == Order::NewestFirst {
                tasks.reverse();
            }
            Source::Tasks(tasks.into_iter())
        };
        Self { store: Shared::clone(store), left: query.limit.unwrap_or(usize::MAX), query, source }
    }

    /// Reads the next that the filter may pick.
    fn candidate(&mut self) -> Option<Result<Ended, RecordError>> {
        match &mut self.source {
            Source::Tasks(tasks) => tasks.find_map(|task| self.store.ended(task).transpose()),
            Source::Segments { rest, current } => loop {
                if let Some((segment, offsets)) = current
                    && let Some(offset) = offsets.next()
                {
                    let read = read_entry(segment, u64::from(offset)).map(|entry| entry.entry);
                    match read {
                        Ok(Some(Kind::Ended(ended))) => return Some(Ok(*ended)),
                        Ok(_) => continue,
                        Err(error) => return Some(Err(error)),
                    }
                }
                match rest.next()?.load(self.query.order) {
                    Ok(part) => *current = Some(part),
                    Err(error) => return Some(Err(error)),
                }
            },
        }
    }
}

impl Iterator for History {
    type Item = Result<Ended, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.left > 0 {
            match self.candidate()? {
                Ok(ended) => {
                    let key = ended.status.as_option().and_then(TaskKey::of);
                    if key.is_some_and(|key| self.query.filter.matches(&key)) {
                        self.left -= 1;
                        return Some(Ok(ended));
                    }
                }
                Err(error) => return Some(Err(error)),
            }
        }
        None
    }
}

/// Lists the segments that can hold what is asked for.
fn parts(store: &Store, query: &HistoryQuery) -> Vec<Part> {
    let state = store.state.read();
    let in_time = |span: super::index::TimeSpan| {
        span.oldest <= span.newest && query.filter.in_time(span.oldest, span.newest)
    };
    let mut parts: Vec<_> = state
        .closed
        .iter()
        .filter(|closed| in_time(closed.index.span))
        .map(|closed| Part::Closed(Shared::clone(closed)))
        .collect();
    if in_time(state.index.span()) {
        parts.push(Part::Open(state.open.clone(), state.index.ended().to_vec()));
    }
    drop(state);
    if query.order == Order::NewestFirst {
        parts.reverse();
    }
    parts
}

impl Part {
    fn load(self, order: Order) -> Result<(Segment, vec::IntoIter<u32>), RecordError> {
        let (segment, mut offsets) = match self {
            Self::Open(segment, offsets) => (segment, offsets),
            Self::Closed(closed) => {
                let offsets = closed.index.ended();
                (closed.segment.clone(), offsets.map_err(RecordError::io("read", &closed.segment.path))?)
            }
        };
        if order == Order::NewestFirst {
            offsets.reverse();
        }
        Ok((segment, offsets.into_iter()))
    }
}
