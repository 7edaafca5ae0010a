use clap::Args;
use cyxwiz_proto::v1::{CreateChallengeRequest, Role, VerifyChallengeRequest};
use serde_json::json;
use solana_signer::Signer as _;

use crate::context::Context;
use crate::error::CliError;
use crate::output;
use crate::server::{Platform, ServerError, Stored, Wanted, check};

#[derive(Args)]
pub(crate) struct Verb {}

/// Signs the server's message, once it says what it must say, and keeps the session.
pub(crate) async fn run(_: Verb, context: &Context) -> Result<(), CliError> {
    let keypair = context.keypair()?;
    let owner = keypair.pubkey();
    let server = context.server()?;
    let explain = |error| ServerError::of(error, &server.origin);
    Platform::ask(&server).await?.on(&server, context.cluster())?;

    let request = CreateChallengeRequest {
        address: owner.to_string(),
        role: Role::ROLE_BUYER.into(),
        ..Default::default()
    };
    let challenge = server.auth.create_challenge(request).await.map_err(explain)?.into_owned();
    check(&challenge.message, &Wanted { server: &server.origin, owner: &owner, cluster: context.cluster() })?;
    let signature = keypair.sign_message(challenge.message.as_bytes()).as_ref().to_vec();
    let request = VerifyChallengeRequest { message: challenge.message, signature, ..Default::default() };
    let answer = server.auth.verify_challenge(request).await.map_err(explain)?.into_owned();
    let session = Stored::from(&answer.session.into_option().ok_or(CliError::Broken("no session"))?);

    let sessions = context.sessions(&server, &owner)?;
    let locked = sessions.lock()?;
    let id = session.id.clone();
    locked.write(Some(session))?;
    if context.json() {
        let server = server.origin.to_string();
        return output::json(&json!({ "server": server, "address": owner.to_string(), "session": id }));
    }
    output::line(format!("signed in at {} as {owner}", server.origin))
}
