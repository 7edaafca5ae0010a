//! From submit to settlement.

use anyhow::{Result, ensure};

use super::{Cast, WEATHER};
use crate::demo::market::announce;
use crate::demo::market::books::{Row, usdc};
use crate::demo::market::ends::SUCCEEDED;

pub(super) fn play(cast: &Cast<'_>) -> Result<()> {
    let Cast { buyer, chain, stage, .. } = cast;
    announce(
        "a buyer signs in with his wallet, pays in, and has a script run: plan, states, output, who was paid",
    );
    buyer.say(&["login"])?;
    buyer.say(&["wallet", "deposit", "5", "USDC"])?;
    let held = || anyhow::Ok([buyer.balance()?.0, chain.tokens("seller")?, chain.tokens("treasury")?]);
    let before = held()?;
    let [job, more @ ..] = WEATHER;
    let done = buyer.submit(job, &more, &SUCCEEDED)?;
    let split = buyer.ended(&done, &SUCCEEDED)?;
    buyer.results(&done, "weather")?;

    announce("what the chain has before and after, beside what the CLI said of the job");
    let after = held()?;
    println!("{:<20}{:>14}{:>14}{:>14}   the CLI said", "USDC on the chain", "before", "after", "moved");
    let rows = [
        Row { who: "buyer, free", said: "charged", amount: split.charged, out: true },
        Row { who: "seller's wallet", said: "to the node", amount: split.node, out: false },
        Row { who: "treasury", said: "to the platform", amount: split.platform, out: false },
    ];
    for (row, (before, after)) in rows.iter().zip(before.into_iter().zip(after)) {
        row.compare(before, after)?;
    }
    ensure!(buyer.balance()?.1 == 0, "money stayed behind a job that was settled");
    println!("{} of the deposit came back", usdc(split.refund));

    if stage.pytorch {
        announce("the same with PyTorch: handwritten digits");
        let done = buyer.submit("examples/digits", &["--image", "pytorch", "--no-data"], &SUCCEEDED)?;
        buyer.ended(&done, &SUCCEEDED)?;
        buyer.results(&done, "digits")?;
    }
    Ok(())
}
