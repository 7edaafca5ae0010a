//! Ephemeral state between tasks, from loader to reader.

mod apart;
mod atomics;
mod bindings;
mod full;
mod pipeline;

use vyr_sdk::{
    Client,
    control::{CreateStateRequest, StateClass},
};

/// Makes a state.
async fn create(client: &Client, name: &str) -> String {
    let request =
        CreateStateRequest { name: name.into(), class: StateClass::Ephemeral.into(), ..Default::default() };
    client.create_state(request).await.unwrap().state_id
}
