use std::error::Error;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use cyxwiz_chain::escrow::{Address, EscrowError};
use cyxwiz_chain::{ChainError, Cluster, Fault, KeyError, Money, MoneyError, NetworkError};
use solana_signature::Signature;

/// What ends a command early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error(transparent)]
    Money(#[from] MoneyError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("HOME is not set")]
    NoHome,
    #[error("nothing answers at {url}")]
    NoChain {
        url: String,
        cluster: Cluster,
        #[source]
        fault: Fault,
    },
    #[error("the chain at {url} is {found}, not {wanted}")]
    WrongCluster { url: String, found: Cluster, wanted: Cluster },
    #[error("{url} and {witness} are not of one chain")]
    OtherChain { url: String, witness: String },
    #[error("{url} says that {signature} landed, {witness} does not")]
    NoWitness { url: String, witness: String, signature: Signature },
    #[error("{url} and {witness} disagree about the balance: {said} are free by one, {seen} by the other")]
    Disagree { url: String, witness: String, said: Money, seen: Money },
    #[error("there is no escrow program at {program} on {cluster}")]
    NoProgram { program: Address, cluster: Cluster },
    #[error("{owner} has {has}, this needs {needs}")]
    NoFunds { owner: Address, has: Money, needs: Money },
    #[error("{owner} has {has}, fees and deposits for new accounts need {needs}")]
    NoFees { owner: Address, has: Money, needs: Money },
    #[error("{free} of the balance are free, {asked} are asked for")]
    NotFree { free: Money, locked: Money, asked: Money },
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error("failed to keep the signature in `{path}`, so nothing was sent")]
    Journal {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl From<Fault> for CliError {
    fn from(fault: Fault) -> Self {
        Self::Chain(fault.into())
    }
}

impl CliError {
    /// Prints the error with its mend, and its causes; returns the exit code.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
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
            Self::Network(_) | Self::Money(_) => 2,
            Self::NoChain { .. } | Self::Chain(ChainError::Fault(_)) => 3,
            _ => 1,
        })
    }

    /// What to do about it, where the sentence does not say so already.
    fn mend(&self) -> Option<String> {
        Some(match self {
            Self::Key(KeyError::Missing(_)) => {
                "make one with `cyxwiz wallet new`, or name one with --keypair".to_owned()
            }
            Self::Key(KeyError::Exists(_)) => "name another file with --keypair".to_owned(),
            Self::NoHome => "name a file with --keypair".to_owned(),
            Self::NoChain { cluster: Cluster::Localnet, .. } => {
                "start a chain with `./x devnet`, or name another with --cluster or --url".to_owned()
            }
            Self::NoChain { .. } => "look at the connection, or name another RPC with --url".to_owned(),
            Self::WrongCluster { found, wanted, .. } => match found {
                Cluster::Localnet => format!("name an RPC of {wanted} with --url"),
                found => format!("say --cluster {found}, or name an RPC of {wanted} with --url"),
            },
            Self::NoProgram { cluster: Cluster::Localnet, .. } => {
                "start the chain with `./x devnet`, which deploys it".to_owned()
            }
            Self::NoProgram { .. } => "name the right one with --program".to_owned(),
            Self::OtherChain { .. } => "name two nodes of one chain with --url and --witness-url".to_owned(),
            Self::NoWitness { .. } | Self::Disagree { .. } => {
                "one of them is behind or lies: ask a third with --url before any more money moves".to_owned()
            }
            Self::NoFunds { owner, needs, .. } => format!("send {} to {owner}", needs.coin),
            Self::NoFees { owner, .. } => format!("send SOL to {owner}"),
            Self::NotFree { locked, .. } if locked.amount.0 > 0 => {
                format!("{locked} stand behind jobs and come free when these end")
            }
            Self::NotFree { .. } => "ask for less".to_owned(),
            Self::Chain(ChainError::Undecided(_)) => {
                "do not repeat it; `cyxwiz wallet history` tells, and the next command asks first".to_owned()
            }
            Self::Chain(ChainError::Refused(why)) if why.escrow() == Some(EscrowError::Paused) => {
                "try again later; what is in the balance can be withdrawn at any time".to_owned()
            }
            _ => return None,
        })
    }
}
