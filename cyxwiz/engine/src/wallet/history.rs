use std::collections::HashMap;
use std::time::Duration;

use clap::Args;
use cyxwiz_chain::escrow::policy::{Amount, Closing, JobId};
use cyxwiz_chain::escrow::{Address, Event};
use cyxwiz_chain::{Coin, Contract, Entry, Money};
use serde_json::{Value, json};
use solana_signer::Signer as _;

use crate::context::Context;
use crate::error::CliError;
use crate::server::plain;
use crate::{jobs, output};

/// Jobs whose names are asked for.
const NAMED: u32 = 200;
/// Names are not worth more of a wait.
const SOON: Duration = Duration::from_secs(3);

/// Names of jobs by their ids.
type Names = HashMap<String, String>;

#[derive(Args)]
pub(crate) struct Verb {
    /// How many transactions of each coin at most
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
}

pub(super) async fn run(verb: Verb, context: &Context) -> Result<(), CliError> {
    let owner = context.keypair()?.pubkey();
    let chain = context.chain().await?;
    let mut entries: Vec<(Coin, Entry)> = Vec::new();
    for coin in Coin::ALL {
        let balance = chain.contract.program.balance(&owner, &chain.contract.mint(coin));
        let found = chain.rpc.history(&chain.contract.program.id, &balance, usize::from(verb.limit)).await?;
        entries.extend(found.into_iter().map(|entry| (coin, entry)));
    }
    // newest first; a transaction that touched both coins stands once
    entries.sort_by_key(|(_, entry)| std::cmp::Reverse(entry.slot));
    let mut seen = std::collections::HashSet::new();
    entries.retain(|(_, entry)| seen.insert(entry.signature));
    if context.json() {
        let all: Vec<Value> = entries.iter().map(|(_, entry)| for_programs(&chain.contract, entry)).collect();
        return output::json(&all);
    }
    if entries.is_empty() {
        talk!("nothing happened yet");
        return Ok(());
    }
    let names = names(context, owner).await;
    let mut table = output::table(["when", "what", "signature"]);
    for (coin, entry) in &entries {
        let words = match &entry.error {
            Some(why) => vec![format!("failed: {why}")],
            None => {
                entry.events.iter().map(|event| in_words(&chain.contract, *coin, event, &names)).collect()
            }
        };
        table.add_row([when(entry), words.join(", "), entry.signature.to_string()]);
    }
    output::print(&table)
}

fn when(entry: &Entry) -> String {
    let time = entry.time.and_then(|time| jiff::Timestamp::from_second(time.0).ok());
    time.map_or_else(|| format!("slot {}", entry.slot.0), |time| time.to_string())
}

/// `coin` is that of the balance in whose history the event stands.
fn in_words(contract: &Contract, coin: Coin, event: &Event, names: &Names) -> String {
    let money = |amount| Money { coin, amount };
    let of = |mint: &Address, amount: Amount| match contract.coin(mint) {
        Some(coin) => Money { coin, amount }.to_string(),
        None => format!("{} base units of {mint}", amount.0),
    };
    match event {
        Event::ConfigChanged { version, .. } => format!("configuration {}", version.0),
        Event::Deposited { mint, amount, .. } => format!("deposited {}", of(mint, *amount)),
        Event::Withdrawn { mint, amount, .. } => format!("withdrew {}", of(mint, *amount)),
        Event::Opened { job, mint, deposit, .. } => {
            format!("set {} aside for {}", of(mint, *deposit), named(job, names))
        }
        Event::Assigned { job, payee, .. } => format!("{} went to {payee}", named(job, names)),
        Event::ToppedUp { job, amount, .. } => {
            format!("set {} more aside for {}", money(*amount), named(job, names))
        }
        Event::Settled { job, node, platform, refund, .. } => format!(
            "paid {} to the node and {} to the platform for {}, {} came back",
            money(*node),
            money(*platform),
            named(job, names),
            money(*refund)
        ),
        Event::GivenBack { job, amount, closing, .. } => {
            format!("{} came back from {} ({})", money(*amount), named(job, names), why(*closing))
        }
    }
}

fn why(closing: Closing) -> &'static str {
    match closing {
        Closing::Refund => "refund",
        Closing::Cancel => "cancelled",
        Closing::Expire => "deadline",
    }
}

fn id(job: &JobId) -> String {
    cyxwiz_model::JobId::from_bytes(job.0).to_string()
}

fn named(job: &JobId, names: &Names) -> String {
    let id = id(job);
    match names.get(&id) {
        Some(name) => format!("{id} ({name})"),
        None => id,
    }
}

/// What the buyer called his jobs, where he is signed in and the server answers soon; the chain knows ids alone.
async fn names(context: &Context, owner: Address) -> Names {
    let ask = async {
        let jobs = jobs::list(&context.buyer(owner).ok()?, &[], NAMED).await.ok()?;
        let name = |job: cyxwiz_proto::v1::Job| Some((job.id, plain(&job.spec.as_option()?.name)));
        Some(jobs.into_iter().filter_map(name).collect())
    };
    tokio::time::timeout(SOON, ask).await.ok().flatten().unwrap_or_default()
}

fn for_programs(contract: &Contract, entry: &Entry) -> Value {
    json!({
        "signature": entry.signature.to_string(),
        "slot": entry.slot.0,
        "time": entry.time.map(|time| time.0),
        "error": entry.error.as_ref().map(ToString::to_string),
        "events": entry.events.iter().map(|event| fields(contract, event)).collect::<Vec<_>>(),
    })
}

fn fields(contract: &Contract, event: &Event) -> Value {
    let text = |amount: &Amount| amount.0.to_string();
    let coin = |mint: &Address| contract.coin(mint).map(Coin::symbol);
    match event {
        Event::ConfigChanged { version, .. } => json!({ "event": "config_changed", "version": version.0 }),
        Event::Deposited { mint, amount, .. } => {
            json!({ "event": "deposited", "coin": coin(mint), "mint": mint.to_string(), "base_units": text(amount) })
        }
        Event::Withdrawn { mint, amount, .. } => {
            json!({ "event": "withdrawn", "coin": coin(mint), "mint": mint.to_string(), "base_units": text(amount) })
        }
        Event::Opened { job, mint, deposit, limit, expire_at, .. } => json!({
            "event": "opened", "job": id(job), "coin": coin(mint), "mint": mint.to_string(),
            "deposit": text(deposit), "limit": text(limit), "expire_at": expire_at.0,
        }),
        Event::Assigned { job, payee, epoch, .. } => {
            json!({ "event": "assigned", "job": id(job), "payee": payee.to_string(), "epoch": epoch.0 })
        }
        Event::ToppedUp { job, amount, deposit, .. } => {
            json!({ "event": "topped_up", "job": id(job), "base_units": text(amount), "deposit": text(deposit) })
        }
        Event::Settled { job, payee, epoch, node, platform, refund, .. } => json!({
            "event": "settled", "job": id(job), "payee": payee.to_string(), "epoch": epoch.0,
            "node": text(node), "platform": text(platform), "refund": text(refund),
        }),
        Event::GivenBack { job, amount, closing, .. } => {
            json!({ "event": "given_back", "job": id(job), "base_units": text(amount), "why": why(*closing) })
        }
    }
}
