//! Compares a submit with what its artifact declares, and with this machine, before anything is recorded.

use connectrpc::ErrorCode;
use vyr_model::{ArtifactKind, Grants, Manifest, TaskSpec, Want};

use crate::Refusal;

/// Refuses a binding that the artifact does not declare, and a declared state without a binding: a
/// program reaches a state only by a name that it declares.
pub(super) fn states(manifest: &Manifest, spec: &TaskSpec) -> Result<(), Refusal> {
    let declared = |name: &str| manifest.states.iter().any(|state| state.name == name);
    if let Some(binding) = spec.bindings.iter().find(|binding| !declared(&binding.name)) {
        let names: Vec<String> = manifest.states.iter().map(|state| format!("`{}`", state.name)).collect();
        let known = if names.is_empty() { "no state".to_owned() } else { names.join(", ") };
        return Err(Refusal::new(
            ErrorCode::InvalidArgument,
            "BINDING_NOT_DECLARED",
            &binding.name,
            format!("the artifact declares {known}, but the submit binds `{}`", binding.name),
            "bind a declared name, or put the artifact again with `vyr artifact put --state NAME`",
        ));
    }
    let bound = |name: &str| spec.bindings.iter().any(|binding| binding.name == name);
    match manifest.states.iter().find(|state| !bound(&state.name)) {
        None => Ok(()),
        Some(state) => Err(Refusal::new(
            ErrorCode::InvalidArgument,
            "STATE_NOT_BOUND",
            &state.name,
            format!("the artifact declares the state `{}`, which the submit does not bind", state.name),
            "add it to `state_bindings`, without a `state_id` to bind it later",
        )),
    }
}

/// Refuses determinism of anything but Wasm: containers look at the machine's own clock and chance.
pub(super) fn determinism(manifest: &Manifest, spec: &TaskSpec) -> Result<(), Refusal> {
    let wasm = matches!(manifest.kind, ArtifactKind::Component | ArtifactKind::Module);
    if wasm || spec.determinism.is_none() {
        return Ok(());
    }
    let message = format!("an artifact of kind `{}` cannot run deterministically", manifest.kind.as_str());
    Err(Refusal::field("resources.determinism", message, "leave it out, or submit a Wasm artifact"))
}

/// Refuses a grant of a folder that is not there.
pub(super) async fn folders(grants: &Grants) -> Result<(), Refusal> {
    for dir in &grants.dirs {
        let why = match tokio::fs::metadata(&dir.host_path).await {
            Ok(metadata) if metadata.is_dir() => continue,
            Ok(_) => "it is no folder".to_owned(),
            Err(error) => error.to_string(),
        };
        return Err(Refusal::new(
            ErrorCode::FailedPrecondition,
            "FOLDER_NOT_FOUND",
            &dir.host_path,
            format!("the granted folder `{}` cannot be opened: {why}", dir.host_path),
            "make the folder on the node's machine, or grant another",
        ));
    }
    Ok(())
}

/// Lists what the artifact asks for and the submit does not grant. That is no refusal: a program may do
/// without, and what is not granted is denied in any case.
pub(super) fn not_granted(manifest: &Manifest, grants: &Grants) -> Vec<String> {
    let granted = |want: &&Want| match want {
        Want::Env(name) => grants.env.iter().any(|env| env.name == *name),
        Want::Dir { guest_path, read_only } => {
            let fits = |dir: &vyr_model::DirGrant| dir.guest_path == *guest_path;
            grants.dirs.iter().any(|dir| fits(dir) && (*read_only || !dir.read_only))
        }
        Want::HttpOut(authority) => grants.http_out.contains(authority),
    };
    manifest.wants.iter().filter(|want| !granted(want)).map(Want::to_string).collect()
}

#[cfg(test)]
mod tests {
    use vyr_model::{ArtifactKind, Digest, DirGrant, EnvGrant, ManifestDraft};

    use super::*;

    #[test]
    fn a_want_is_met_by_a_grant_of_its_kind() {
        let mut draft = ManifestDraft::new(ArtifactKind::Module, "m", "1");
        draft.wants = ["env=A", "env=B", "dir=/ro:ro", "dir=/rw", "http-out=h:80"]
            .map(|want| want.parse().unwrap())
            .into();
        let manifest = draft.build(Digest::of(b""), 0).unwrap().parsed;
        let dir = |guest: &str| DirGrant { host_path: "/".into(), guest_path: guest.into(), read_only: true };
        let grants = Grants {
            env: vec![EnvGrant { name: "A".into(), value: String::new() }],
            dirs: vec![dir("/ro"), dir("/rw")],
            http_out: Vec::new(),
        };
        assert_eq!(not_granted(&manifest, &grants), ["env=B", "dir=/rw", "http-out=h:80"]);
    }
}
