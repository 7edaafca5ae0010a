use cyxwiz_chain::create_keypair;
use solana_signer::Signer as _;

use crate::context::Context;
use crate::error::CliError;
use crate::output;

pub(super) fn run(context: &Context) -> Result<(), CliError> {
    let path = context.keypair_path()?;
    let address = create_keypair(&path)?.pubkey().to_string();
    if context.json() {
        let path = path.display().to_string();
        return output::json(&serde_json::json!({ "address": address, "keypair": path }));
    }
    output::line(address)?;
    talk!(
        "kept in {}: whoever has that file has the money, and without it the money is lost",
        path.display()
    );
    Ok(())
}
