/// A critical edge of a task's life: a step that every trace must explain.
///
/// The numbers are stored in the record and never change; a new edge takes the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Edge {
    /// The whole task, from accept to terminal: the root span.
    Task = 1,
    /// A submit is parsed, checked and given an id.
    Accept = 2,
    /// The artifact's bytes are hashed against its digest.
    VerifyDigest = 3,
    /// The artifact's signature and its key's trust are checked.
    VerifySignature = 4,
    /// The artifact is read and made executable from stored machine code.
    Load = 5,
    /// The artifact is compiled.
    Compile = 6,
    /// The task waits for its turn, or for `BindState`.
    Queue = 7,
    /// The task's states are bound.
    Bind = 8,
    /// The instance is made.
    Instantiate = 9,
    /// The guest executes.
    Execute = 10,
    /// Stdout, stderr and `/out` become blobs.
    StoreOutput = 11,
    /// The record is made durable before an acknowledgement.
    Commit = 12,
    /// The end is recorded and shown.
    Terminal = 13,
    /// A cancel was asked for and took effect.
    Cancel = 14,
    /// A submit was refused.
    Refuse = 15,
    /// A limit was reached and took effect.
    Limit = 16,
    /// A task was taken up again after a restart of the node.
    Recovery = 17,
}

impl Edge {
    /// How many edges there are.
    pub const COUNT: usize = 17;

    /// Every edge, by number.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Task,
        Self::Accept,
        Self::VerifyDigest,
        Self::VerifySignature,
        Self::Load,
        Self::Compile,
        Self::Queue,
        Self::Bind,
        Self::Instantiate,
        Self::Execute,
        Self::StoreOutput,
        Self::Commit,
        Self::Terminal,
        Self::Cancel,
        Self::Refuse,
        Self::Limit,
        Self::Recovery,
    ];

    /// Returns the stored number.
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// Returns the edge of a stored number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|edge| edge.number() == number)
    }

    /// Returns the span's name.
    pub const fn span_name(self) -> &'static str {
        match self {
            Self::Task => "vyr.task",
            Self::Accept => "vyr.accept",
            Self::VerifyDigest => "vyr.verify.digest",
            Self::VerifySignature => "vyr.verify.signature",
            Self::Load => "vyr.load",
            Self::Compile => "vyr.compile",
            Self::Queue => "vyr.queue",
            Self::Bind => "vyr.bind",
            Self::Instantiate => "vyr.instantiate",
            Self::Execute => "vyr.execute",
            Self::StoreOutput => "vyr.store_output",
            Self::Commit => "vyr.commit",
            Self::Terminal => "vyr.terminal",
            Self::Cancel => "vyr.cancel",
            Self::Refuse => "vyr.refuse",
            Self::Limit => "vyr.limit",
            Self::Recovery => "vyr.recovery",
        }
    }

    /// Returns the position in [`Self::ALL`].
    pub(crate) const fn index(self) -> usize {
        self as usize - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_dense_stable_and_come_back() {
        for (index, edge) in Edge::ALL.into_iter().enumerate() {
            assert_eq!(edge.index(), index);
            assert_eq!(edge.number(), index as u32 + 1);
            assert_eq!(Edge::from_number(edge.number()), Some(edge));
        }
        assert_eq!(Edge::from_number(0), None);
        assert_eq!(Edge::from_number(18), None);
    }
}
