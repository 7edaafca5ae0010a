use std::{process::ExitCode, time::SystemTime};

use super::local;
use crate::{context::Context, error::CliError, output, terminal::clean};

pub(crate) fn run(context: &Context) -> Result<ExitCode, CliError> {
    let store = local::open_store(context)?;
    let mut table = output::table(["DIGEST", "NAME", "VERSION", "KIND", "SIZE", "SIGNER"]);
    for listed in store.list(SystemTime::now())? {
        let row = match &listed.artifact {
            Ok(artifact) => {
                let manifest = &artifact.manifest;
                let size: u64 = manifest.layers.iter().map(|layer| layer.size).sum();
                let signer = artifact.trust.signer().map_or("", |signer| signer.name.as_str());
                (
                    manifest.name.clone().unwrap_or_default(),
                    manifest.version.clone().unwrap_or_default(),
                    manifest.kind.to_string(),
                    size,
                    signer.to_owned(),
                )
            }
            Err(error) => (String::new(), String::new(), error.to_string(), 0, String::new()),
        };
        let (name, version, kind, size, signer) = row;
        if context.json() {
            output::json(&serde_json::json!({
                "digest": listed.digest, "name": name, "version": version,
                "kind": kind, "size": size, "signer": signer,
            }))?;
        } else {
            let digest: String = listed.digest.to_string().chars().take(19).collect();
            let row = [digest, name, version, kind, output::size(size), signer];
            table.add_row(row.each_ref().map(|cell| clean(cell).into_owned()));
        }
    }
    if !context.json() {
        output::line(table.trim_fmt())?;
    }
    Ok(ExitCode::SUCCESS)
}
