//! What the server says of itself, compared with what this side was told: one chain, one program, one time.

use cyxwiz_chain::Cluster;
use cyxwiz_chain::escrow::Address;
use cyxwiz_model::Moment;
use cyxwiz_proto::v1::GetPlatformResponse;

use super::{Server, ServerError, moment, pause};
use crate::context::Chain;
use crate::error::CliError;

/// Clocks that differ by more are worth a word. Nothing here depends on ours.
const SKEW: i64 = 60_000;

/// What the server says of itself.
pub(crate) struct Platform {
    pub(crate) said: GetPlatformResponse,
    /// What the server's clock is ahead of ours, ms.
    pub(crate) ahead: i64,
}

/// Wallet and server mean different chains.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PlatformError {
    #[error("the server at {server} is on {says}, this wallet on {wanted}")]
    Cluster { server: String, says: String, wanted: Cluster },
    #[error("the server at {server} uses the escrow program {says}, this wallet {wanted}")]
    Program { server: String, says: String, wanted: Address },
    #[error("the server at {server} takes {says} for USDC, on this chain it is {wanted}")]
    Usdc { server: String, says: String, wanted: Address },
    #[error("the server at {server} takes no new jobs now")]
    Paused { server: String },
}

impl Platform {
    /// Asks, and says so when the clocks differ.
    pub(crate) async fn ask(server: &Server) -> Result<Self, CliError> {
        let mut failures = 0;
        loop {
            match server.payments.get_platform(Default::default()).await {
                Ok(said) => {
                    let said = said.into_owned();
                    let ours = now();
                    let theirs = said.now.as_option().map_or(ours, moment);
                    let platform = Self { said, ahead: theirs.0.saturating_sub(ours.0) };
                    if let Some(words) = skew(platform.ahead) {
                        talk!("{words}");
                    }
                    return Ok(platform);
                }
                Err(error) => {
                    let error = ServerError::of(error, &server.origin);
                    let Some(wait) = pause(&error, failures) else { return Err(error.into()) };
                    failures += 1;
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// What time it is at the server.
    pub(crate) fn now(&self) -> Moment {
        Moment(now().0.saturating_add(self.ahead))
    }

    /// The name of its chain is that of this side.
    pub(crate) fn on(&self, server: &Server, cluster: Cluster) -> Result<(), PlatformError> {
        let (says, server) = (self.said.cluster.clone(), server.origin.to_string());
        if says == cluster.name() {
            return Ok(());
        }
        Err(PlatformError::Cluster { server, says: super::refusal::plain(&says), wanted: cluster })
    }

    /// It means the same program and coin on the same chain.
    pub(crate) fn agrees(&self, server: &Server, chain: &Chain) -> Result<(), PlatformError> {
        self.on(server, chain.network.cluster)?;
        let (program, usdc) = (chain.contract.program.id, chain.contract.usdc);
        let (said, server) = (&self.said, server.origin.to_string());
        if said.program != program.to_string() {
            let says = super::refusal::plain(&said.program);
            return Err(PlatformError::Program { server, says, wanted: program });
        }
        if said.usdc_mint != usdc.to_string() {
            let says = super::refusal::plain(&said.usdc_mint);
            return Err(PlatformError::Usdc { server, says, wanted: usdc });
        }
        Ok(())
    }
}

/// Our own clock.
pub(crate) fn now() -> Moment {
    Moment(jiff::Timestamp::now().as_millisecond())
}

fn skew(ahead: i64) -> Option<String> {
    if ahead.abs() <= SKEW {
        return None;
    }
    let (minutes, side) =
        (ahead.abs().saturating_add(30_000) / 60_000, if ahead > 0 { "behind" } else { "ahead of" });
    let plural = if minutes == 1 { "" } else { "s" };
    Some(format!(
        "this machine's clock is {minutes} minute{plural} {side} the server's: set it; the server's counts"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_differ_are_told() {
        assert_eq!(skew(59_000), None);
        assert_eq!(
            skew(65_000).unwrap(),
            "this machine's clock is 1 minute behind the server's: set it; the server's counts"
        );
        assert_eq!(
            skew(-7_290_000).unwrap(),
            "this machine's clock is 122 minutes ahead of the server's: set it; the server's counts"
        );
    }
}
