//! The way out of a job with network `outbound`: a bridge of its own, and rules that hold what it may reach.
//!
//! ```text
//! job ─► cyxwiz0 ─┬─► FORWARD ─► DOCKER-USER ─► CYXWIZ-EGRESS: name servers, else no private range ─► the Internet
//!                 └─► INPUT: dropped (nothing of this machine itself)
//! the Internet, other networks ─► DOCKER-USER: answers alone ─► cyxwiz0
//! ```
//! The rules are put where the engine's own are, in its network namespace, and read back before each job that needs
//! them. Where that cannot be had, jobs get network `none` or are refused.

mod firewall;
mod network;
mod rules;

use std::net::IpAddr;

use self::{firewall::Firewall, rules::Rules};
use crate::Engine;

/// The network's name in the engine.
pub(crate) const NETWORK: &str = "cyxwiz-outbound";
/// Its bridge, at most 15 letters.
const BRIDGE: &str = "cyxwiz0";
/// Times that the rules are put before that counts as not to be had.
const TRIES: usize = 5;

/// The way out, put and verified.
pub(crate) struct Egress {
    firewall: Firewall,
    rules: Rules,
}

impl Egress {
    /// Makes the network and its rules, or says why there is no way out.
    pub(crate) async fn install(engine: &Engine, name_servers: &[IpAddr]) -> Result<Self, String> {
        let firewall = Firewall::of(engine).await?;
        network::ensure(engine).await?;
        let rules = Rules::new(BRIDGE, name_servers);
        let egress = Self { firewall, rules };
        egress.ensure().await?;
        Ok(egress)
    }

    /// Reads the rules back; puts them anew where somebody flushed them.
    pub(crate) async fn ensure(&self) -> Result<(), String> {
        let mut verified = self.verify().await;
        for _ in 0..TRIES {
            if verified.is_ok() {
                return Ok(());
            }
            tracing::info!("putting the rules for jobs' network");
            // another node of this machine may do the same at this moment
            verified = match self.firewall.install(&self.rules).await {
                Ok(()) => self.verify().await,
                refused => refused,
            };
        }
        verified
    }

    async fn verify(&self) -> Result<(), String> {
        for (chain, expected) in self.rules.expected() {
            let found = self.firewall.list(chain).await?;
            rules::check(chain, &expected, &found)?;
        }
        Ok(())
    }
}
