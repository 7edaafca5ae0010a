//! The engine's network for outbound jobs.

use std::collections::HashMap;

use bollard::models::{NetworkCreateRequest, NetworkInspect};

use super::{BRIDGE, NETWORK};
use crate::{
    Engine,
    engine::{is_missing, status},
    error::chain,
};

/// How the bridge must be: known by its name, and jobs on it strangers to each other.
const OPTIONS: [(&str, &str); 2] =
    [("com.docker.network.bridge.name", BRIDGE), ("com.docker.network.bridge.enable_icc", "false")];

/// Makes the network where it is not there.
pub(super) async fn ensure(engine: &Engine) -> Result<(), String> {
    let failed = |error: bollard::errors::Error| format!("the engine makes no network: {}", chain(&error));
    match engine.docker().inspect_network(NETWORK, None).await {
        Ok(network) => return check(&network),
        Err(error) if is_missing(&error) => {}
        Err(error) => return Err(failed(error)),
    }
    let request = NetworkCreateRequest {
        name: NETWORK.to_owned(),
        driver: Some("bridge".to_owned()),
        enable_ipv6: Some(false),
        options: Some(OPTIONS.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
        ..NetworkCreateRequest::default()
    };
    match engine.docker().create_network(request).await {
        // another node of this engine was quicker
        Err(error) if status(&error) == Some(409) => {}
        created => drop(created.map_err(failed)?),
    }
    check(&engine.docker().inspect_network(NETWORK, None).await.map_err(failed)?)
}

fn check(network: &NetworkInspect) -> Result<(), String> {
    let none = HashMap::new();
    let options = network.options.as_ref().unwrap_or(&none);
    let as_made = OPTIONS.iter().all(|(key, value)| options.get(*key).is_some_and(|found| found == value));
    if as_made && network.driver.as_deref() == Some("bridge") && network.enable_ipv6 != Some(true) {
        return Ok(());
    }
    Err(format!("the engine has another network `{NETWORK}`: remove it"))
}
