//! The calls of `wasi:filesystem` that write, wrapped so that `/out` keeps to its limit.

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;
use wasmtime::{
    StoreContextMut,
    component::{Linker, Resource},
};
use wasmtime_wasi::{
    WasiView,
    filesystem::{Descriptor, WasiFilesystemView},
    p2::{
        DynOutputStream, FsError, OutputStream, Pollable, StreamError, StreamResult,
        bindings::filesystem::types::{DescriptorFlags, ErrorCode, HostDescriptor, OpenFlags, PathFlags},
    },
};

use super::{error::Stop, host::ComponentHost, quota::OutQuota};

/// The interface by the name under which wasmtime-wasi links it.
const TYPES: &str = "wasi:filesystem/types@0.2.12";

type Store<'a> = StoreContextMut<'a, ComponentHost>;
type Answer<T> = wasmtime::Result<(Result<T, ErrorCode>,)>;
/// A task's quota, shared with the streams that it opened.
pub(crate) type SharedQuota = Arc<Mutex<OutQuota>>;

/// Replaces the writing calls in `linker`, which has wasmtime-wasi's already.
pub(crate) fn meter(linker: &mut Linker<ComponentHost>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance(TYPES)?;
    types.func_wrap_async("[method]descriptor.set-size", |mut store: Store<'_>, (fd, size)| {
        Box::new(async move {
            let done = store.data_mut().filesystem().set_size(fd, size).await;
            after(&store, OutQuota::measure)?;
            answer(done)
        })
    })?;
    types.func_wrap_async("[method]descriptor.write", |mut store: Store<'_>, (fd, bytes, offset)| {
        Box::new(async move {
            let done = store.data_mut().filesystem().write(fd, bytes, offset).await;
            if let Ok(written) = &done {
                after(&store, |quota| quota.wrote(*written))?;
            }
            answer(done)
        })
    })?;
    types.func_wrap("[method]descriptor.write-via-stream", |mut store: Store<'_>, (fd, offset)| {
        let opened = store.data_mut().filesystem().write_via_stream(fd, offset);
        metered(&mut store, opened)
    })?;
    types.func_wrap("[method]descriptor.append-via-stream", |mut store: Store<'_>, (fd,)| {
        let opened = store.data_mut().filesystem().append_via_stream(fd);
        metered(&mut store, opened)
    })?;
    types.func_wrap_async(
        "[method]descriptor.open-at",
        |mut store: Store<'_>, (fd, path_flags, path, open, flags): OpenAt| {
            Box::new(async move {
                let opened = store.data_mut().filesystem().open_at(fd, path_flags, path, open, flags).await;
                if open.contains(OpenFlags::CREATE) {
                    after(&store, OutQuota::made_entry)?;
                }
                answer(opened)
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.create-directory-at",
        |mut store: Store<'_>, (fd, path): (Resource<Descriptor>, String)| {
            Box::new(async move {
                let done = store.data_mut().filesystem().create_directory_at(fd, path).await;
                after(&store, OutQuota::made_entry)?;
                answer(done)
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.symlink-at",
        |mut store: Store<'_>, (fd, from, to): (Resource<Descriptor>, String, String)| {
            Box::new(async move {
                let done = store.data_mut().filesystem().symlink_at(fd, from, to).await;
                after(&store, OutQuota::made_entry)?;
                answer(done)
            })
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

type OpenAt = (Resource<Descriptor>, PathFlags, String, OpenFlags, DescriptorFlags);

fn after(store: &Store<'_>, count: impl FnOnce(&mut OutQuota) -> Result<(), Stop>) -> Result<(), Stop> {
    store.data().base.out.as_ref().map_or(Ok(()), |quota| count(&mut quota.lock()))
}

fn answer<T>(done: Result<T, FsError>) -> Answer<T> {
    match done {
        Ok(value) => Ok((Ok(value),)),
        Err(error) => Ok((Err(error.downcast()?),)),
    }
}

/// Puts the quota before a stream that a guest just opened.
fn metered(
    store: &mut Store<'_>,
    opened: Result<Resource<DynOutputStream>, FsError>,
) -> Answer<Resource<DynOutputStream>> {
    let stream = match opened {
        Ok(stream) => stream,
        Err(error) => return answer(Err(error)),
    };
    let Some(quota) = store.data().base.out.clone() else { return Ok((Ok(stream),)) };
    let slot = store.data_mut().ctx().table.get_mut(&stream)?;
    let closed: DynOutputStream = Box::new(Closed);
    let inner = std::mem::replace(slot, closed);
    *slot = Box::new(Metered { inner, quota });
    Ok((Ok(stream),))
}

/// A file's stream whose bytes count.
struct Metered {
    inner: DynOutputStream,
    quota: SharedQuota,
}

impl Metered {
    fn count(&self, bytes: &Bytes) -> StreamResult<()> {
        let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.quota.lock().wrote(count).map_err(|stop| StreamError::Trap(stop.into()))
    }
}

#[async_trait]
impl OutputStream for Metered {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.count(&bytes)?;
        self.inner.write(bytes)
    }

    // files have a shorter way than the provided one
    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.count(&bytes)?;
        self.inner.blocking_write_and_flush(bytes).await
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.inner.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.inner.check_write()
    }
}

#[async_trait]
impl Pollable for Metered {
    async fn ready(&mut self) {
        self.inner.ready().await;
    }
}

/// Stands in for a stream while it is wrapped.
struct Closed;

impl OutputStream for Closed {
    fn write(&mut self, _: Bytes) -> StreamResult<()> {
        Err(StreamError::Closed)
    }

    fn flush(&mut self) -> StreamResult<()> {
        Err(StreamError::Closed)
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Err(StreamError::Closed)
    }
}

#[async_trait]
impl Pollable for Closed {
    async fn ready(&mut self) {}
}
