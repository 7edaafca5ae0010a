use std::{sync::Arc, time::SystemTime};

use vyr_proto::control::{PutArtifactRequest, PutArtifactResponse};

use super::parse;
use crate::{Refusal, artifacts::refuse_store, supervisor::Supervisor};

pub(super) async fn put(
    supervisor: &Arc<Supervisor>,
    request: PutArtifactRequest,
) -> Result<PutArtifactResponse, Refusal> {
    let digest = parse::digest("digest", &request.digest)?;
    let store = supervisor.artifacts.store().clone();
    let put = tokio::task::spawn_blocking(move || {
        store.put_artifact(&digest, &request.manifest, &request.signature, SystemTime::now())
    });
    let outcome = put.await.map_err(|_| Refusal::panicked(digest))?;
    let outcome = outcome.map_err(refuse_store)?;
    Ok(PutArtifactResponse {
        digest: digest.to_string(),
        content_digest: outcome.content_digest.map(|digest| digest.to_string()).unwrap_or_default(),
        signer: outcome.signer.unwrap_or_default(),
        created: outcome.created,
        ..Default::default()
    })
}
