use clap::Args;
use solana_signer::Signer as _;

use crate::context::Context;
use crate::error::CliError;
use crate::output;

#[derive(Args)]
pub(crate) struct Verb {}

pub(crate) async fn run(_: Verb, context: &Context) -> Result<(), CliError> {
    let buyer = context.buyer(context.keypair()?.pubkey())?;
    let answer = buyer.sessions(Default::default()).await?;
    if context.json() {
        return output::json(&answer.sessions);
    }
    let mut table = output::table(["session", "since", "last used", ""]);
    for session in &answer.sessions {
        let (since, last) = (session.created_at.as_option(), session.last_used_at.as_option());
        let here = if session.current { "this one" } else { "" };
        table.add_row([session.id.clone(), output::when(since), output::when(last), here.to_owned()]);
    }
    output::print(&table)
}
