use clap::Args;
use cyxwiz_proto::v1::SessionInfo;
use serde_json::json;
use solana_signer::Signer as _;

use crate::context::Context;
use crate::error::CliError;
use crate::{output, shown};

#[derive(Args)]
pub(crate) struct Verb {}

pub(crate) async fn run(_: Verb, context: &Context) -> Result<(), CliError> {
    let buyer = context.buyer(context.keypair()?.pubkey())?;
    let answer = buyer.sessions(Default::default()).await?;
    if context.json() {
        let session = |session: &SessionInfo| {
            json!({
                "id": session.id,
                "created_at": shown::time(session.created_at.as_option()),
                "last_used_at": shown::time(session.last_used_at.as_option()),
                "current": session.current,
            })
        };
        let sessions: Vec<_> = answer.sessions.iter().map(session).collect();
        return output::json(&json!({ "sessions": sessions }));
    }
    let mut table = output::table(["session", "since", "last used", ""]);
    for session in &answer.sessions {
        let (since, last) = (session.created_at.as_option(), session.last_used_at.as_option());
        let here = if session.current { "this one" } else { "" };
        table.add_row([session.id.clone(), output::when(since), output::when(last), here.to_owned()]);
    }
    output::print(&table)
}
