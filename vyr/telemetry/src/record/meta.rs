//! What the record must know of an entry, read straight from its bytes. Pure.

use vyr_model::TaskId;

/// The kind of an entry and what its indexing needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meta<'a> {
    pub(super) kind: Kind,
    pub(super) task: TaskId,
    /// The idempotency key of an accepted task; empty for none.
    pub(super) key: &'a [u8],
    /// When the task was accepted, for `Accepted` and `Ended`; 0 otherwise.
    pub(super) accepted_unix_nanos: u64,
    /// `Started`: the attempt. `Carried`: the attempts so far.
    pub(super) attempts: u32,
    /// `Carried`: the place in the order of submits.
    pub(super) order: u64,
}

/// The kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Accepted,
    Bound,
    Started,
    Ended,
    Carried,
}

impl<'a> Meta<'a> {
    /// Reads an encoded `Entry`; `None` where it is none.
    pub(super) fn parse(entry: &'a [u8]) -> Option<Self> {
        let (number, body) = last_message(entry)?;
        let mut meta = Self {
            kind: Kind::Accepted,
            task: task_id(body)?,
            key: &[],
            accepted_unix_nanos: 0,
            attempts: 0,
            order: 0,
        };
        match number {
            1 => meta.accepted(body),
            2 => meta.kind = Kind::Bound,
            3 => {
                meta.kind = Kind::Started;
                meta.attempts = u32::try_from(varint_field(body, 2)).unwrap_or(u32::MAX);
            }
            4 => {
                meta.kind = Kind::Ended;
                let time = bytes_field(bytes_field(body, 2), 11);
                meta.accepted_unix_nanos =
                    varint_field(time, 1).saturating_mul(1_000_000_000).saturating_add(varint_field(time, 2));
            }
            5 => {
                meta.accepted(bytes_field(body, 2));
                meta.kind = Kind::Carried;
                meta.attempts = u32::try_from(varint_field(body, 4)).unwrap_or(u32::MAX);
                meta.order = varint_field(body, 5);
            }
            _ => return None,
        }
        Some(meta)
    }

    fn accepted(&mut self, body: &'a [u8]) {
        self.key = bytes_field(bytes_field(body, 2), 5);
        self.accepted_unix_nanos = varint_field(body, 3);
    }
}

fn task_id(body: &[u8]) -> Option<TaskId> {
    bytes_field(body, 1).try_into().ok().map(TaskId::from_bytes)
}

/// Tells whether `content` is cut as an encoded `Entry` is: one message with its length, and
/// nothing after it. Cheap, so that a search for frames needs few checksums.
pub(super) fn looks_like_entry(content: &[u8]) -> bool {
    let mut fields = Fields(content);
    matches!(fields.next(), Some((1..=15, Field::Bytes(_)))) && fields.0.is_empty()
}

/// One field of a message.
enum Field<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Fixed,
}

struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Field<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let tag = self.varint()?;
        let field = match tag & 7 {
            0 => Field::Varint(self.varint()?),
            1 => self.take(8).map(|_| Field::Fixed)?,
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Field::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Field::Fixed)?,
            _ => return None,
        };
        Some((tag >> 3, field))
    }
}

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

fn last_message(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let messages = Fields(bytes).filter_map(|(number, field)| match field {
        Field::Bytes(body) => Some((number, body)),
        Field::Varint(_) | Field::Fixed => None,
    });
    messages.last()
}

fn bytes_field(message: &[u8], wanted: u64) -> &[u8] {
    let found = Fields(message).find_map(|(number, field)| match field {
        Field::Bytes(bytes) if number == wanted => Some(bytes),
        _ => None,
    });
    found.unwrap_or_default()
}

fn varint_field(message: &[u8], wanted: u64) -> u64 {
    let found = Fields(message).find_map(|(number, field)| match field {
        Field::Varint(value) if number == wanted => Some(value),
        _ => None,
    });
    found.unwrap_or_default()
}
