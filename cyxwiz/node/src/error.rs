use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use vyr_node::NodeError;
use vyr_sdk::SdkError;
use vyr_store::StoreError;

use crate::config::ConfigError;
use crate::server::Fault;

/// What ends a command early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error("HOME is not set")]
    NoHome,
    #[error("there is no node in `{}`", .0.parent().unwrap_or(.0).display())]
    NotInstalled(PathBuf),
    #[error("an agent runs in `{}`", .0.display())]
    Running(PathBuf),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("failed to {what} `{}`", path.display())]
    File {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the journal in `{}` cannot be used", path.display())]
    Journal {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    #[error("{server} does not take the call")]
    Server {
        server: String,
        #[source]
        fault: Fault,
    },
    #[error("the hardware was not confirmed: {0}")]
    NotConfirmed(String),
    #[error(transparent)]
    Key(#[from] StoreError),
    #[error("the embedded VYR node failed")]
    Vyr(#[source] NodeError),
    #[error("the embedded VYR node does not answer")]
    Fabric(#[from] SdkError),
    #[error("`{program}` failed: {text}")]
    Service { program: &'static str, text: String },
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl CliError {
    pub(crate) fn file(what: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File { what, path: path.to_owned(), source }
    }

    /// Prints the error with its mend, and its causes; returns the exit code.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
        if matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe) {
            return ExitCode::SUCCESS;
        }
        let mut causes = Vec::new();
        let mut source = self.source();
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        let mend = self.mend();
        if json {
            let error = serde_json::json!({ "error": self.to_string(), "mend": mend, "causes": causes });
            eprintln!("{error}");
        } else {
            let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
            let mend = mend.map(|mend| format!(": {mend}")).unwrap_or_default();
            anstream::eprintln!("{red}error:{red:#} {self}{mend}");
            for cause in causes {
                eprintln!("  because {cause}");
            }
        }
        ExitCode::from(match self {
            Self::Config(_) => 2,
            Self::Server { fault: Fault::Unreachable(_), .. } => 3,
            _ => 1,
        })
    }

    /// What to do about it, where the sentence does not say so already.
    fn mend(&self) -> Option<String> {
        Some(match self {
            Self::NoHome => "name a folder with --home".to_owned(),
            Self::NotInstalled(_) => {
                "make one with `cyxwiz-node install`, or name its folder with --home".to_owned()
            }
            Self::Running(_) => "stop it first, or name another folder with --home".to_owned(),
            Self::Journal { path, .. } => {
                format!("look at the disk; as a last resort move `{}` away", path.display())
            }
            Self::Server { fault: Fault::Unreachable(_), .. } => {
                "look at the connection, or name another with `cyxwiz-node install --server`".to_owned()
            }
            Self::Server { fault: Fault::Refused { mend, .. }, .. } if !mend.is_empty() => mend.clone(),
            Self::NotConfirmed(_) => "stop other work on this machine and say `cyxwiz-node install` again".to_owned(),
            Self::Service { .. } => {
                "start the agent yourself with `cyxwiz-node run`, or look at the unit with `systemctl status cyxwiz-node`".to_owned()
            }
            _ => return None,
        })
    }
}
