use std::{process::ExitCode, time::SystemTime};

use vyr_model::Digest;

use super::local;
use crate::{context::Context, error::CliError, output};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Digest of the artifact, or a unique beginning of it
    artifact: String,
}

/// Reads every byte again: the manifest, its blobs, the signature and the key's trust.
pub(crate) fn run(args: &Args, context: &Context) -> Result<ExitCode, CliError> {
    let store = local::open_store(context)?;
    let digest: Digest = local::resolve(&args.artifact, context)?
        .parse()
        .map_err(|error: vyr_model::DigestParseError| CliError::Usage(error.to_string()))?;
    let artifact = store.load_manifest(&digest, SystemTime::now())?;
    for blob in artifact.manifest.blobs() {
        store.read_blob(&blob.digest, blob.size)?;
    }
    let signer = artifact.trust.signer().map(|signer| signer.name.clone()).unwrap_or_default();
    if context.json() {
        output::json(&serde_json::json!({ "digest": digest, "signer": signer, "verified": true }))?;
    } else {
        output::line(format_args!("digest: {digest} verified ✓"))?;
        output::line(format_args!("signature: verified ✓ ({signer})"))?;
    }
    Ok(ExitCode::SUCCESS)
}
