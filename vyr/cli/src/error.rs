use std::{error::Error, io, process::ExitCode};

use anstyle::{AnsiColor, Style};
use vyr_sdk::{EndpointError, SdkError};

use crate::{
    context::Context,
    terminal::{clean_lines, say},
};

/// What ends a command early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error(transparent)]
    Sdk(#[from] SdkError),
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error(transparent)]
    Store(#[from] vyr_store::StoreError),
    #[error(transparent)]
    Record(#[from] vyr_telemetry::record::RecordError),
    #[error(transparent)]
    Node(#[from] vyr_node::NodeError),
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A mistake in what was typed, or in a file that was named; the text holds the mend.
    #[error("{0}")]
    Usage(String),
    /// A file could not be read or written.
    #[error("failed to {what} `{path}`")]
    File {
        what: &'static str,
        path: String,
        #[source]
        source: io::Error,
    },
    /// What is to be printed finds no room, or no reader.
    #[error("failed to write to {stream}: send it to a file or a program that takes it all")]
    Output {
        stream: &'static str,
        #[source]
        source: io::Error,
    },
    /// The node stopped, or was killed, while it had our task.
    #[error(
        "the node went away while it had task `{task_id}`: start it again, and `vyr task wait {task_id}` tells how the task ended"
    )]
    NodeGone {
        task_id: String,
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl CliError {
    /// Prints the error, its causes and the mend; returns the exit code.
    pub(crate) fn report(&self, context: &Context) -> ExitCode {
        if self.is_closed_pipe() {
            return ExitCode::SUCCESS;
        }
        let mut causes = Vec::new();
        let mut source = self.source();
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        if context.json() {
            let sdk = self.sdk();
            let wait = sdk.and_then(SdkError::retry_after);
            say(serde_json::json!({
                "error": self.to_string(), "reason": sdk.and_then(SdkError::reason),
                "subject": sdk.and_then(SdkError::subject), "mend": self.mend(),
                "retryAfterMs": wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
                "causes": causes,
            }));
        } else {
            self.print(&causes);
        }
        ExitCode::from(match self {
            Self::Usage(_) => 2,
            Self::Endpoint(EndpointError::Token { .. } | EndpointError::NoToken { .. }) => 1,
            Self::Endpoint(_) => 2,
            Self::Sdk(SdkError::Unreachable { .. } | SdkError::Gone { .. }) | Self::NodeGone { .. } => 3,
            _ => 1,
        })
    }

    /// Tells whether a reader of ours closed its pipe: it has what it wanted.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        match self {
            Self::Io(source) | Self::Output { source, .. } => source.kind() == io::ErrorKind::BrokenPipe,
            _ => false,
        }
    }

    fn print(&self, causes: &[String]) {
        let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let text = self.to_string();
        say(format_args!("{red}error:{red:#} {}", clean_lines(&text, "  ")));
        for cause in causes {
            say(format_args!("  because {}", clean_lines(cause, "    ")));
        }
        let Some(error) = self.sdk() else { return };
        if let Some(subject) = error.subject().filter(|subject| !text.contains(subject)) {
            say(format_args!("  about: {}", clean_lines(subject, "    ")));
        }
        if let Some(mend) = error.mend() {
            let cyan = Style::new().fg_color(Some(AnsiColor::Cyan.into()));
            say(format_args!("{cyan}  mend:{cyan:#} {}", clean_lines(mend, "    ")));
        }
        if let Some(wait) = error.retry_after() {
            say(format_args!("  try again after {}", crate::output::time(wait)));
        }
    }

    fn sdk(&self) -> Option<&SdkError> {
        match self {
            Self::Sdk(error) => Some(error),
            _ => None,
        }
    }

    fn mend(&self) -> Option<&str> {
        self.sdk().and_then(SdkError::mend)
    }
}
