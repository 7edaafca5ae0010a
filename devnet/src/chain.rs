//! The chain that answers: Solana's own test validator, or a box.

use anyhow::Result;

use crate::Run;
#[cfg(feature = "box")]
use crate::boxed::Boxed;
use crate::state::State;
use crate::validator::Validator;

pub(crate) enum Chain {
    #[cfg(feature = "box")]
    Boxed(Boxed),
    Validator(Validator),
}

impl Chain {
    /// Starts it, and returns when it answers.
    pub(crate) async fn start(options: &Run, state: &State) -> Result<Self> {
        if let Some(program) = &options.validator {
            return Validator::start(program, options, state).await.map(Self::Validator);
        }
        #[cfg(feature = "box")]
        return Boxed::start(options, state).map(Self::Boxed);
        #[cfg(not(feature = "box"))]
        anyhow::bail!("built without the chain in a box: name a solana-test-validator with --validator")
    }

    /// What it is, for people who must not take one for the other.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            #[cfg(feature = "box")]
            Self::Boxed(_) => "box (LiteSVM by surfpool: one node, no votes, no forks)",
            Self::Validator(_) => "solana-test-validator",
        }
    }

    /// Waits until it ends by itself; it never should.
    pub(crate) async fn ended(&mut self) -> anyhow::Error {
        match self {
            #[cfg(feature = "box")]
            Self::Boxed(boxed) => boxed.ended().await,
            Self::Validator(validator) => validator.ended().await,
        }
    }

    /// Ends it, with everything on the disk.
    pub(crate) async fn stop(self) -> Result<()> {
        match self {
            #[cfg(feature = "box")]
            Self::Boxed(boxed) => tokio::task::spawn_blocking(move || boxed.stop()).await?,
            Self::Validator(validator) => validator.stop().await,
        }
    }
}
