//! What is played, in this order; each act in a file.

mod cancelled;
mod detached;
mod disputed;
mod fails;
mod lost;
mod paid;
mod runs_out;
mod wasm;

use anyhow::Result;

use super::announce;
use super::books::Books;
use super::buyer::Buyer;
use super::chain::Chain;
use super::ends::{End, Pays};
use super::platform::Platform;
use super::seller::Seller;
use super::stage::Stage;
use crate::devnet::Devnet;

/// A real job: learns tomorrow's temperature from today's weather, with checkpoints.
const WEATHER: [&str; 3] = ["examples/weather", "--image", "python"];

/// Stopped by its buyer: what ran is paid.
const STOPPED: End = End { reason: "cancelled", class: None, pays: Pays::Metered, exit_code: 12 };

/// Who takes part.
struct Cast<'a> {
    stage: &'a Stage,
    chain: &'a Chain,
    platform: &'a Platform<'a>,
    seller: &'a Seller<'a>,
    buyer: &'a Buyer<'a>,
}

pub(super) fn play(stage: &Stage, devnet: &Devnet) -> Result<()> {
    let chain = Chain::start(stage, devnet)?;
    let platform = Platform::start(stage)?;
    announce("a seller offers his machine: it is looked at, measured, and takes work");
    let mut seller = Seller::install(stage, "first", chain.address("seller")?)?;
    seller.run()?;
    seller.gets_work(true)?;
    seller.say(&["status"])?;
    let buyer = Buyer::new(stage);
    let books = Books::open(&chain)?;
    let cast = Cast { stage, chain: &chain, platform: &platform, seller: &seller, buyer: &buyer };
    paid::play(&cast)?;
    detached::play(&cast)?;
    disputed::play(&cast)?;
    fails::play(&cast)?;
    lost::play(&cast)?;
    cancelled::play(&cast)?;
    runs_out::play(&cast)?;
    wasm::play(&cast)?;
    announce("both sides and the chain have the same numbers, to the unit");
    books.close(&chain, &buyer, &seller)
}
