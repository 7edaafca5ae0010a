use std::fmt;
use std::str::FromStr;

/// Whose fault a failure was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The script's or the buyer's.
    User,
    /// The node's.
    Node,
    /// The platform's.
    Platform,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// How a run ended.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The word for it.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

reasons! {
    /// The script exited with 0 and everything that was asked for is there.
    Succeeded = "succeeded",
    /// The script exited with another code.
    Exit = "exit",
    /// A signal ended it.
    Signal = "signal",
    /// It took more memory than it asked for.
    OutOfMemory = "out_of_memory",
    /// It ran for as long as it may.
    Timeout = "timeout",
    /// The money set aside was used up.
    Budget = "budget",
    /// Its buyer cancelled it.
    Cancelled = "cancelled",
    /// Its requirements could not be installed.
    Requirements = "requirements",
    /// It wrote more than it may.
    Disk = "disk",
    /// A declared output is not there.
    NoOutput = "no_output",
    /// Its outputs are not what the node said, or not what a second run gives.
    BadResult = "bad_result",
    /// Its node fell silent.
    NodeLost = "node_lost",
    /// Its node could not run it.
    NodeError = "node_error",
    /// The platform failed.
    PlatformError = "platform_error",
    /// Its buyer disputed it, and was right.
    Dispute = "dispute",
    /// Its escrow was closed or ran out before it ran.
    Unfunded = "unfunded",
}

/// A word that is no reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no reason for a run to end")]
pub struct UnknownReason(String);

impl Reason {
    /// Whose fault it is; nobody's where a run ended as it may.
    #[must_use]
    pub const fn class(self) -> Option<Class> {
        match self {
            Self::Succeeded | Self::Timeout | Self::Budget | Self::Cancelled => None,
            Self::Exit
            | Self::Signal
            | Self::OutOfMemory
            | Self::Requirements
            | Self::Disk
            | Self::NoOutput => Some(Class::User),
            Self::Unfunded => Some(Class::User),
            Self::BadResult | Self::NodeLost | Self::NodeError => Some(Class::Node),
            Self::PlatformError | Self::Dispute => Some(Class::Platform),
        }
    }

    /// Whether a node may say it. The others are the server's to find.
    #[must_use]
    pub const fn by_node(self) -> bool {
        !matches!(
            self,
            Self::NodeLost | Self::BadResult | Self::PlatformError | Self::Dispute | Self::Unfunded
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().copied().find(|reason| reason.word() == text);
        found.ok_or_else(|| UnknownReason(text.chars().take(40).collect()))
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Node => "node",
            Self::Platform => "platform",
        })
    }
}
