use clap::Args;
use cyxwiz_proto::v1::LogoutRequest;
use serde_json::json;
use solana_signer::Signer as _;

use crate::context::Context;
use crate::error::CliError;
use crate::output;

#[derive(Args)]
pub(crate) struct Verb {
    /// Another session of this wallet, as `cyxwiz sessions` lists it [default: the one kept here]
    session: Option<String>,
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<(), CliError> {
    let owner = context.keypair()?.pubkey();
    let buyer = context.buyer(owner)?;
    let own = verb.session.is_none();
    let request =
        LogoutRequest { session_id: verb.session.clone().unwrap_or_default(), ..Default::default() };
    match buyer.logout(request).await {
        Ok(_) => {}
        // it has ended already
        Err(CliError::NotSignedIn { .. }) if own => {}
        Err(error) => return Err(error),
    }
    if own {
        context.sessions(&buyer.server, &owner)?.lock()?.write(None)?;
    }
    let ended = verb.session.unwrap_or_else(|| "this one".to_owned());
    if context.json() {
        return output::json(&json!({ "ended": ended }));
    }
    output::line(format!("signed out at {} ({ended})", buyer.server.origin))
}
