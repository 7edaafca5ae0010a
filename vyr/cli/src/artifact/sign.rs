use std::{fs, path::PathBuf, process::ExitCode};

use super::{
    Source, local,
    source::{Blob, read},
};
use crate::{context::Context, error::CliError, output};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// Private key (PKCS#8 PEM) to sign with [default: the local key]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Folder for `manifest.json`, `config.json` and `manifest.sig`
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

pub(crate) fn run(args: &Args, context: &Context) -> Result<ExitCode, CliError> {
    let prepared = args.source.prepare()?;
    let store = local::open_store(context)?;
    let signature = local::sign(context, &store, args.key.as_deref(), &prepared.manifest)?;
    let write = |name: &str, bytes: &[u8]| {
        let path = args.out.join(name);
        let written = fs::write(&path, bytes);
        written.map_err(|source| CliError::File {
            what: "write",
            path: path.display().to_string(),
            source,
        })?;
        Ok::<_, CliError>(path.display().to_string())
    };
    let manifest = write("manifest.json", &prepared.manifest)?;
    // the manifest names the config first
    let config = match prepared.blobs.first() {
        Some((_, _, Blob::Memory(bytes))) => Some(write("config.json", bytes)?),
        Some((_, _, Blob::File(input))) => Some(write("config.json", &read(input.path())?)?),
        None => None,
    };
    let signature = write("manifest.sig", &signature)?;
    if context.json() {
        output::json(&serde_json::json!({
            "digest": prepared.digest, "manifest": manifest, "config": config, "signature": signature,
        }))?;
    } else {
        output::line(format_args!("digest: {}", prepared.digest))?;
        output::line(format_args!("manifest: {manifest}"))?;
        if let Some(config) = config {
            output::line(format_args!("config: {config}"))?;
        }
        output::line(format_args!("signature: {signature}"))?;
    }
    Ok(ExitCode::SUCCESS)
}
