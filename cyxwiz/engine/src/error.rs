use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use cyxwiz_chain::escrow::{Address, EscrowError};
use cyxwiz_chain::{ChainError, Cluster, Fault, KeyError, Money, MoneyError, NetworkError};
use solana_signature::Signature;

use crate::folder::JobError;
use crate::server::{OriginError, PlatformError, ServerError, SignInError, WireError};
use crate::submit::TermsError;

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
    #[error("{url} and {witness} disagree: {said} are {place} by one, {seen} by the other")]
    Disagree { url: String, witness: String, place: &'static str, said: Money, seen: Money },
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
    #[error(transparent)]
    Origin(#[from] OriginError),
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(transparent)]
    Platform(#[from] PlatformError),
    #[error(transparent)]
    SignIn(#[from] SignInError),
    #[error("{owner} is not signed in at {server}")]
    NotSignedIn { server: String, owner: Address },
    #[error("failed to keep the session in `{path}`")]
    Session {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("`{path}` is no file with sessions")]
    SessionFile { path: String },
    #[error("the server's answer is not of this protocol ({0})")]
    Broken(&'static str),
    #[error(transparent)]
    Job(#[from] JobError),
    #[error(transparent)]
    Terms(#[from] TermsError),
    #[error("nothing matches this job: {because}")]
    NoMatch { because: String },
    #[error("{free} are free for jobs, this one needs {needs}")]
    NotEnough { free: Money, needs: Money, wallet: Money, owner: Address },
    #[error("nobody is asked here whether to go on")]
    NobodyToAsk,
    #[error("nothing was done")]
    Declined,
    #[error("failed to keep what was begun in `{path}`")]
    Draft {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("`{path}` changed while it was uploaded")]
    Changed { path: String },
    #[error("the server refused `{path}`: {why}")]
    Upload { path: String, why: String },
    #[error("the connection broke again and again at `{path}`")]
    Cut { path: String },
    #[error("`{0}` is no job's id: it is job_ and 32 hex digits, see `cyxwiz jobs`")]
    NoJobId(String),
    #[error("the outputs of {job} are not to be had: {because}")]
    Withheld { job: String, because: String, logs: Option<std::path::PathBuf> },
    #[error("the server names an output `{path}`")]
    OutputName {
        path: String,
        #[source]
        source: cyxwiz_model::FilePathError,
    },
    #[error("`{path}` arrived other than its digest says")]
    Digest { path: String },
    #[error("failed to write `{path}`")]
    Write {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("the server was silent for too long; {job} goes on")]
    Lost { job: String },
    #[error("interrupted")]
    Interrupted,
    #[error("another command submits this very job now")]
    SubmitsAlready,
    #[error("{job} is not queued yet: {error}")]
    NotQueued { job: String, error: Box<ServerError> },
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
            talk!("{error}");
        } else {
            let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
            let mend = mend.map(|mend| format!(": {mend}")).unwrap_or_default();
            let _ = writeln!(anstream::stderr().lock(), "{red}error:{red:#} {self}{mend}");
            for cause in causes {
                talk!("  because {cause}");
            }
        }
        ExitCode::from(match self {
            Self::Network(_) | Self::Money(_) | Self::Origin(_) | Self::Job(_) | Self::NoJobId(_) => 2,
            Self::NobodyToAsk => 2,
            Self::NoChain { .. } | Self::Chain(ChainError::Fault(_)) => 3,
            Self::Server(ServerError::Unreachable { .. }) | Self::Lost { .. } | Self::Cut { .. } => 3,
            Self::Interrupted => 130,
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
            Self::Server(error) => return error.mend(),
            _ => return self.mend_of_market(),
        })
    }

    fn mend_of_market(&self) -> Option<String> {
        Some(match self {
            Self::Platform(PlatformError::Cluster { says, .. }) => {
                format!("say --cluster {says}, or name another with --server")
            }
            Self::Platform(PlatformError::Program { says, .. }) => {
                format!("say --program {says} if you trust that server, or name another with --server")
            }
            Self::Platform(PlatformError::Usdc { .. }) => "name another with --server".to_owned(),
            Self::Platform(PlatformError::Paused { .. }) => {
                "try again later; what is in the balance can be withdrawn at any time".to_owned()
            }
            Self::SignIn(SignInError::Domain { named, .. }) => {
                format!("if that is the one you mean, say --server with `{named}`")
            }
            Self::SignIn(SignInError::Cluster { .. }) => {
                "name its chain with --cluster, or another with --server".to_owned()
            }
            Self::SignIn(_) => "do not trust it; name another with --server".to_owned(),
            Self::NotSignedIn { .. } => "run `cyxwiz login`".to_owned(),
            Self::SessionFile { .. } => "remove it, then run `cyxwiz login`".to_owned(),
            Self::Broken(_) => "see whether `cyxwiz --version` is the server's".to_owned(),
            Self::NoMatch { .. } => "ask for less, or pay more with --max-price".to_owned(),
            Self::NotEnough { free, needs, wallet, owner } => {
                let lacks = Money::new(needs.coin, needs.amount.0.saturating_sub(free.amount.0));
                let deposit = format!("run `cyxwiz wallet deposit {} {}`", lacks.number(), lacks.coin);
                if wallet.amount < lacks.amount {
                    format!("send {} to {owner}, then {deposit}", lacks.coin)
                } else {
                    deposit
                }
            }
            Self::NobodyToAsk => "say --yes to submit without a terminal".to_owned(),
            Self::Changed { .. } => "submit it again when nothing writes there any more".to_owned(),
            Self::Cut { .. } => "run the same command again, it goes on from there".to_owned(),
            Self::Lost { job } => format!("come back with `cyxwiz watch {job}`"),
            Self::SubmitsAlready => "wait for it, or give this one another --name".to_owned(),
            Self::NotQueued { job, .. } => {
                format!(
                    "submit the same again, it goes on from there; or take back what is set aside with `cyxwiz cancel {job}`"
                )
            }
            Self::Interrupted => "run the same command again, it goes on from there".to_owned(),
            Self::Withheld { logs: Some(logs), .. } => format!("its output is in {}", logs.display()),
            Self::Digest { .. } => "run the same command again; if it stays so, dispute the job".to_owned(),
            Self::OutputName { .. } => "nothing was written; report it to the platform".to_owned(),
            _ => return None,
        })
    }
}
