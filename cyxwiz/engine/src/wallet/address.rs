use solana_signer::Signer as _;

use crate::context::Context;
use crate::error::CliError;
use crate::output;

pub(super) fn run(context: &Context) -> Result<(), CliError> {
    let address = context.keypair()?.pubkey().to_string();
    if context.json() {
        return output::json(&serde_json::json!({ "address": address }));
    }
    output::line(address)
}
