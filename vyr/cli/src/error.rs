use std::{error::Error, process::ExitCode};

use anstyle::{AnsiColor, Style};
use vyr_sdk::{EndpointError, SdkError};

use crate::context::Context;

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
    Io(#[from] std::io::Error),
    /// A mistake in what was typed, or in a file that was named; the text holds the mend.
    #[error("{0}")]
    Usage(String),
    /// A file could not be read or written.
    #[error("failed to {what} `{path}`")]
    File {
        what: &'static str,
        path: String,
        #[source]
        source: std::io::Error,
    },
}

impl CliError {
    /// Prints the error, its causes and the mend; returns the exit code.
    pub(crate) fn report(&self, context: &Context) -> ExitCode {
        let broken_pipe = matches!(self, Self::Io(error) if error.kind() == std::io::ErrorKind::BrokenPipe);
        if broken_pipe {
            return ExitCode::SUCCESS;
        }
        let mut causes = Vec::new();
        let mut source = self.source();
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        if context.json() {
            let reason = self.sdk().and_then(SdkError::reason);
            let error = serde_json::json!({
                "error": self.to_string(), "reason": reason, "mend": self.mend(), "causes": causes,
            });
            eprintln!("{error}");
        } else {
            let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
            anstream::eprintln!("{red}error:{red:#} {self}");
            for cause in causes {
                eprintln!("  because {cause}");
            }
            if let Some(mend) = self.mend() {
                let cyan = Style::new().fg_color(Some(AnsiColor::Cyan.into()));
                anstream::eprintln!("{cyan}  mend:{cyan:#} {mend}");
            }
        }
        ExitCode::from(match self {
            Self::Usage(_) | Self::Endpoint(EndpointError::Form(_)) => 2,
            Self::Sdk(SdkError::Unreachable { .. }) => 3,
            _ => 1,
        })
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
