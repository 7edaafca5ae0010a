//! `cyxwiz-node pause` and `resume`: a running agent follows within a second.

use super::Context;
use crate::error::CliError;
use crate::output;

pub(super) fn run(paused: bool, context: &Context) -> Result<(), CliError> {
    let mut config = context.config()?;
    let was = config.paused;
    config.paused = paused;
    config.save(&context.home.config())?;
    if context.json {
        return output::json(&serde_json::json!({ "paused": paused, "changed": was != paused }));
    }
    match (was, paused) {
        (true, true) => output::line("paused already: no new work is taken"),
        (false, true) => output::line("paused: no new work is taken, what runs goes on"),
        (true, false) => output::line(format_args!("takes work again: {}", config.availability)),
        (false, false) => output::line(format_args!("was not paused: {}", config.availability)),
    }
}
