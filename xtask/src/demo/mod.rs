//! `./x demo`: what this project does, by the commands one would type.
//!
//! ```text
//! demo ─┬─► fabric  a node, an artifact over a real stream, its trace (the default)
//!       └─► market  a paid job from submit to settlement: chain, server, seller, buyer
//! ```

mod background;
mod fabric;
pub(crate) mod market;
mod profile;

use anyhow::Result;
use clap::{Args, Subcommand};

pub(crate) use self::fabric::check as check_fabric;
pub(crate) use self::profile::Profile;
use crate::place::Place;

/// What the demo shows.
#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    fabric: fabric::FabricOptions,
}

#[derive(Subcommand)]
enum What {
    /// A paid job from submit to settlement, on a local chain
    Market(market::Options),
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    match &options.what {
        None => fabric::run(place, &options.fabric),
        Some(What::Market(options)) => market::run(place, options),
    }
}
