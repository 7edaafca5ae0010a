//! `cyxwiz-node uninstall`: leaves nothing behind but, without --purge, the key and what belongs to it.

use serde_json::json;

use super::{Context, systemd};
use crate::args::UninstallArgs;
use crate::attempt::remove;
use crate::containers;
use crate::error::CliError;
use crate::home::AttemptDir;
use crate::output;

pub(super) async fn run(args: &UninstallArgs, context: &Context) -> Result<(), CliError> {
    let service = systemd::uninstall()?;
    let home = &context.home;
    let installed = home.config().exists() || home.identity().exists();
    let purged = args.purge && installed;
    if purged {
        let lock = home.lock()?;
        let volumes = containers::volumes_of(context.config().ok().as_ref()).await;
        for path in std::fs::read_dir(home.attempts()).into_iter().flatten().flatten() {
            if let Err(error) = remove(&volumes, &AttemptDir::found(path.path())).await {
                return Err(CliError::file("remove", &path.path(), std::io::Error::other(error)));
            }
        }
        std::fs::remove_dir_all(home.path())
            .map_err(|source| CliError::file("remove", home.path(), source))?;
        drop(lock);
    }
    if context.json {
        return output::json(&json!({ "service": service, "purged": purged }));
    }
    match service {
        Some(unit) => output::line(format_args!("removed {unit}"))?,
        None => output::line("there was no service")?,
    }
    match (purged, installed) {
        (true, _) => output::line(format_args!("removed {}", home.path().display())),
        (false, true) => output::line(format_args!("kept {}: remove it with --purge", home.path().display())),
        (false, false) => Ok(()),
    }
}
