//! `wasi:keyvalue@0.2.0-draft2` over the states that are bound to the task.

mod atomics;
mod batch;
mod store;

use std::sync::Arc;

use vyr_model::LimitKind;
use vyr_state::{Binding, StateError};
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};

use self::bindings::wasi::keyvalue::{atomics as atomics_wit, batch as batch_wit, store as store_wit};
use super::{error::Stop, host::ComponentHost};

mod bindings {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "wasi:keyvalue/imports",
        imports: { default: trappable },
        with: {
            "wasi:keyvalue/store.bucket": super::Bucket,
            "wasi:keyvalue/atomics.cas": super::Cas,
        },
    });
}

/// Adds the three interfaces to `linker`.
pub(crate) fn link(linker: &mut Linker<ComponentHost>) -> wasmtime::Result<()> {
    store_wit::add_to_linker::<_, KeyValue>(linker, view)?;
    atomics_wit::add_to_linker::<_, KeyValue>(linker, view)?;
    batch_wit::add_to_linker::<_, KeyValue>(linker, view)
}

fn view(host: &mut ComponentHost) -> View<'_> {
    View { states: &host.states, table: &mut host.table }
}

/// The states of one task by binding name.
pub(crate) struct States {
    bound: Vec<(String, Arc<Binding>)>,
    host_call_bytes: u64,
}

impl States {
    pub(crate) fn new(bound: Vec<(String, Binding)>, host_call_bytes: u64) -> Self {
        let bound = bound.into_iter().map(|(name, binding)| (name, Arc::new(binding))).collect();
        Self { bound, host_call_bytes }
    }
}

/// An opened store.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Bucket(Arc<Binding>);

/// A compare-and-swap that was begun.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Cas {
    binding: Arc<Binding>,
    key: String,
    seen: Option<bytes::Bytes>,
}

struct KeyValue;

impl HasData for KeyValue {
    type Data<'a> = View<'a>;
}

struct View<'a> {
    states: &'a States,
    table: &'a mut ResourceTable,
}

/// A host call's answer: a trap, or the guest's own result.
type Answer<T> = wasmtime::Result<Result<T, store_wit::Error>>;

impl View<'_> {
    fn binding(&self, bucket: &Resource<Bucket>) -> wasmtime::Result<&Binding> {
        Ok(&self.table.get(bucket)?.0)
    }

    /// Lets `bytes` go to the guest if one call may move that many.
    fn moves(&self, bytes: usize) -> wasmtime::Result<()> {
        if u64::try_from(bytes).unwrap_or(u64::MAX) > self.states.host_call_bytes {
            return Err(Stop::Limit(LimitKind::HostCallBytes).into());
        }
        Ok(())
    }
}

fn refusal(error: &StateError) -> store_wit::Error {
    match error {
        StateError::ReadOnly => store_wit::Error::AccessDenied,
        StateError::NotFound(_) => store_wit::Error::NoSuchStore,
        StateError::Quota { .. }
        | StateError::Full { .. }
        | StateError::Field { .. }
        | StateError::Invalid(_) => store_wit::Error::Other(error.to_string()),
    }
}

fn answer<T>(result: Result<T, StateError>) -> Answer<T> {
    Ok(result.map_err(|error| refusal(&error)))
}
