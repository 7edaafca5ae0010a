//! The market, measured on its real parts: PostgreSQL, a local chain, a container engine, and the three binaries.
//!
//! ```text
//! run ─► Lab ─► e2e::market: Platform (server, PostgreSQL, chain) · Seller (node, containers) · Buyer (the command)
//!    ├──► fleet/       thousands of nodes: a key, a session and a stream of its own each
//!    ├──► measure/     one row of the goals a file
//!    └──► goals, table ─► bench/results/market-*.json, *.md
//! ```

mod database;
mod fleet;
mod goals;
mod lab;
mod measure;
mod options;
mod table;

use anyhow::Result;
use serde::Serialize;

pub(crate) use options::Options;

use self::lab::Lab;
use self::measure::{
    Chain, Earnings, FirstLine, Installs, Lost, Placements, Scale, Screen, Settlements, Start, Success,
};
use self::options::Part;
use crate::machine::{Machine, load};

/// All that one run found.
#[derive(Serialize)]
struct Results {
    date: String,
    quick: bool,
    machine: Machine,
    /// How the market's binaries were built: the folder they lie in.
    build: String,
    start: Option<Start>,
    installs: Option<Installs>,
    first_line: Option<FirstLine>,
    screen: Option<Screen>,
    chain: Option<Chain>,
    lost: Option<Lost>,
    success: Option<Success>,
    earnings: Option<Earnings>,
    settlements: Option<Settlements>,
    scale: Option<Scale>,
    placements: Option<Placements>,
}

/// Measures what is asked for.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut machine = Machine::describe();
    let lab = Lab::new(options);
    let settlements = lab.part(Part::Settlement, || measure::settlements(&lab))?.flatten();
    let start = lab.part(Part::Start, || measure::start(&lab))?;
    let installs = lab.part(Part::Installs, || measure::installs(&lab))?.flatten();
    let first_line = lab.part(Part::FirstLine, || measure::first_line(&lab))?;
    let screen = lab.part(Part::Screen, || measure::screen(&lab))?;
    let chain = lab.part(Part::Chain, || measure::chain(&lab))?;
    let lost = lab.part(Part::Lost, || measure::lost(&lab))?;
    let success = lab.part(Part::Success, || measure::success(&lab))?;
    let earnings = lab.part(Part::Earnings, || measure::earnings(&lab))?;
    let scale = || measure::scale(&lab);
    let fleet = if options.wants(Part::Scale) { Part::Scale } else { Part::Placements };
    let (scale, placements) =
        lab.part(fleet, scale)?.map_or((None, None), |(scale, placed)| (Some(scale), placed));
    machine.load_after = load();
    let results = Results {
        date: jiff::Zoned::now().strftime("%Y-%m-%d").to_string(),
        quick: options.run.quick,
        machine,
        build: build(),
        start,
        installs,
        first_line,
        screen,
        chain,
        lost,
        success,
        earnings,
        settlements,
        scale,
        placements,
    };
    table::write(options, &results)
}

fn build() -> String {
    let server = e2e::binary("CYXWIZ_SERVER_BIN", "cyxwiz-server");
    let folder = server.parent().and_then(std::path::Path::file_name);
    folder.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
