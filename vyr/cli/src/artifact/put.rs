use std::{fs, path::PathBuf, process::ExitCode, time::SystemTime};

use vyr_sdk::{SdkError, control::PutArtifactResponse};
use vyr_store::{BlobDurability, Store};

use super::{
    Source, local,
    source::{Blob, Prepared},
    upload,
};
use crate::{context::Context, error::CliError, output, terminal::clean};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// Private key (PKCS#8 PEM) to sign with [default: the local key]
    #[arg(long, value_name = "FILE", conflicts_with = "signature")]
    key: Option<PathBuf>,
    /// Signature that was made before: 64 raw bytes over the manifest
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
}

pub(crate) async fn run(args: Args, context: &Context) -> Result<ExitCode, CliError> {
    let prepared = args.source.prepare()?;
    let store = local::open_store(context)?;
    let signature = match &args.signature {
        Some(path) => fs::read(path).map_err(|source| CliError::File {
            what: "read",
            path: path.display().to_string(),
            source,
        })?,
        None => local::sign(context, &store, args.key.as_deref(), &prepared.manifest)?,
    };
    let answer = match context.client()?.has_blob(prepared.digest).await {
        Ok(_) => upload::put(&context.client()?, prepared, signature, context).await?,
        // no node runs: the local store is the node's own, and locks itself
        Err(SdkError::Unreachable { .. }) if !context.names_node() => {
            put_local(&store, prepared, &signature)?
        }
        Err(error) => return Err(error.into()),
    };
    print(&answer, context)
}

/// Puts an artifact into the local store, without a node.
pub(crate) fn put_local(
    store: &Store,
    prepared: Prepared,
    signature: &[u8],
) -> Result<PutArtifactResponse, CliError> {
    for (_, _, blob) in prepared.blobs {
        let mut writer = store.blob_writer(BlobDurability::Durable);
        match blob {
            Blob::Memory(bytes) => writer.append(&bytes)?,
            Blob::File(input) => {
                let failed = |source| CliError::File {
                    what: "copy",
                    path: input.path().display().to_string(),
                    source,
                };
                let mut file = fs::File::open(input.path()).map_err(failed)?;
                std::io::copy(&mut file, &mut writer).map_err(failed)?;
            }
        }
        writer.commit(None)?;
    }
    let now = SystemTime::now();
    let outcome = store.put_artifact(&prepared.digest, &prepared.manifest, signature, now)?;
    Ok(PutArtifactResponse {
        digest: prepared.digest.to_string(),
        content_digest: outcome.content_digest.map(|digest| digest.to_string()).unwrap_or_default(),
        signer: outcome.signer.unwrap_or_default(),
        created: outcome.created,
        ..Default::default()
    })
}

fn print(answer: &PutArtifactResponse, context: &Context) -> Result<ExitCode, CliError> {
    if context.json() {
        output::json(answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line(format_args!("digest: {}", answer.digest))?;
    if !answer.content_digest.is_empty() {
        output::line(format_args!("content: {} (what sha256sum prints)", answer.content_digest))?;
    }
    if answer.signer.is_empty() {
        output::line("signature: none that this node trusts")?;
    } else {
        output::line("signature: verified ✓")?;
        output::line(format_args!("signer: {}", clean(&answer.signer)))?;
    }
    Ok(ExitCode::SUCCESS)
}
