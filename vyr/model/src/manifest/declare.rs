use std::{str::FromStr, time::Duration};

use crate::{HttpOutGrant, Limits};

/// The consistency class of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateClass {
    /// In memory, linearizable on the node, gone when it stops.
    Ephemeral,
}

/// A state that a program binds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDeclaration {
    /// The name under which the program opens it.
    pub name: String,
    /// The class that it must have.
    pub class: StateClass,
}

/// Something that a program asks to be granted. Only a submit grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Want {
    /// An environment variable of this name.
    Env(String),
    /// A folder at this guest path.
    Dir {
        /// The path under which the guest looks for it.
        guest_path: String,
        /// Whether reading is enough.
        read_only: bool,
    },
    /// Outbound HTTP to one authority.
    HttpOut(HttpOutGrant),
}

/// The limits that a manifest sets where a submit names none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DefaultLimits {
    /// [`Limits::memory_bytes`].
    pub memory_bytes: Option<u64>,
    /// [`Limits::wall_time`], whole milliseconds.
    pub wall_time: Option<Duration>,
    /// [`Limits::cpu_time`], whole milliseconds.
    pub cpu_time: Option<Duration>,
    /// [`Limits::fuel`].
    pub fuel: Option<u64>,
    /// [`Limits::stdout_bytes`].
    pub stdout_bytes: Option<u64>,
    /// [`Limits::stderr_bytes`].
    pub stderr_bytes: Option<u64>,
    /// [`Limits::output_bytes`].
    pub output_bytes: Option<u64>,
    /// [`Limits::handles`].
    pub handles: Option<u32>,
    /// [`Limits::host_call_bytes`].
    pub host_call_bytes: Option<u64>,
    /// [`Limits::hold_time`], whole milliseconds.
    pub hold_time: Option<Duration>,
}

impl DefaultLimits {
    /// Returns `base` with what the manifest sets put over it.
    pub fn over(&self, base: Limits) -> Limits {
        Limits {
            memory_bytes: self.memory_bytes.unwrap_or(base.memory_bytes),
            wall_time: self.wall_time.unwrap_or(base.wall_time),
            cpu_time: self.cpu_time.unwrap_or(base.cpu_time),
            fuel: self.fuel.or(base.fuel),
            stdout_bytes: self.stdout_bytes.unwrap_or(base.stdout_bytes),
            stderr_bytes: self.stderr_bytes.unwrap_or(base.stderr_bytes),
            output_bytes: self.output_bytes.unwrap_or(base.output_bytes),
            handles: self.handles.unwrap_or(base.handles),
            host_call_bytes: self.host_call_bytes.unwrap_or(base.host_call_bytes),
            hold_time: self.hold_time.unwrap_or(base.hold_time),
        }
    }
}

impl StateDeclaration {
    fn parse(text: &str) -> Option<Self> {
        let (name, class) = text.split_once('=')?;
        // one of another form could never be bound
        let valid = crate::is_name(name) && class == "ephemeral";
        valid.then(|| Self { name: name.to_owned(), class: StateClass::Ephemeral })
    }
}

/// The text is no declaration.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` declares nothing: write {form}")]
pub struct DeclareError {
    text: String,
    form: &'static str,
}

fn refuse(text: &str, form: &'static str) -> DeclareError {
    DeclareError { text: text.chars().take(200).collect(), form }
}

impl FromStr for StateDeclaration {
    type Err = DeclareError;

    /// Parses `NAME=CLASS`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
            .ok_or_else(|| refuse(text, "`NAME=ephemeral`, NAME being 1 to 128 of a-z A-Z 0-9 . _ -"))
    }
}

impl FromStr for Want {
    type Err = DeclareError;

    /// Parses `env=NAME`, `dir=GUEST[:ro]` or `http-out=HOST:PORT`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text).ok_or_else(|| refuse(text, "`env=NAME`, `dir=GUEST[:ro]` or `http-out=HOST:PORT`"))
    }
}

impl std::fmt::Display for StateDeclaration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let StateClass::Ephemeral = self.class;
        write!(f, "{}=ephemeral", self.name)
    }
}

impl Want {
    fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once('=')?;
        if rest.is_empty() || rest.contains('\0') {
            return None;
        }
        match kind {
            "env" if !rest.contains('=') => Some(Self::Env(rest.to_owned())),
            "dir" => match rest.strip_suffix(":ro") {
                Some("") => None,
                Some(path) => Some(Self::Dir { guest_path: path.to_owned(), read_only: true }),
                None => Some(Self::Dir { guest_path: rest.to_owned(), read_only: false }),
            },
            "http-out" => rest.parse().ok().map(Self::HttpOut),
            _ => None,
        }
    }
}

impl std::fmt::Display for Want {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env={name}"),
            Self::Dir { guest_path, read_only: true } => write!(f, "dir={guest_path}:ro"),
            Self::Dir { guest_path, read_only: false } => write!(f, "dir={guest_path}"),
            Self::HttpOut(to) => write!(f, "http-out={}:{}", to.host, to.port),
        }
    }
}
