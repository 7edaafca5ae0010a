//! An engine that somebody else runs.

use std::env;
use std::path::PathBuf;

use super::{Engine, api};

/// Looks where Docker and Podman listen.
pub(super) fn find() -> Option<Engine> {
    let socket = candidates().into_iter().find(|socket| api::answers(socket))?;
    Some(Engine { socket, namespace: None, host_address: None, outbound: true })
}

fn candidates() -> Vec<PathBuf> {
    let host = env::var("DOCKER_HOST").ok();
    let named = host.as_deref().and_then(|host| host.strip_prefix("unix://")).map(PathBuf::from);
    let usual = ["/var/run/docker.sock", "/run/podman/podman.sock"].map(PathBuf::from);
    let own = env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .into_iter()
        .flat_map(|dir| ["docker.sock", "podman/podman.sock"].map(|socket| dir.join(socket)));
    named.into_iter().chain(usual).chain(own).collect()
}
