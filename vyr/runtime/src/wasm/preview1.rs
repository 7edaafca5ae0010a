//! The calls of WASI preview 1 that move bytes or make files, wrapped: `/out` keeps to its limit, and one call
//! moves no more than it may (a guest then sees a short read or write, which POSIX lets happen). And the exit, since
//! wasmtime-wasi traps where the code is 126 or more.

use wasmtime::{Caller, Extern, Linker, Memory};
use wasmtime_wasi::{
    I32Exit,
    p1::{self, WasiP1Ctx, wasi_snapshot_preview1 as calls},
};
use wiggle::GuestMemory;

use super::{error::Stop, host::ModuleHost, quota::OutQuota};

const MODULE: &str = "wasi_snapshot_preview1";
const SUCCESS: i32 = 0;
/// `oflags` bit of `path_open` that makes the file.
const OFLAGS_CREAT: i32 = 1;
/// Bytes of an `iovec` or `ciovec`: a pointer, then a length.
const IOVEC_BYTES: u32 = 8;

type Guest<'a> = Caller<'a, ModuleHost>;

/// Adds all of preview 1 to `linker`.
pub(crate) fn link(linker: &mut Linker<ModuleHost>) -> wasmtime::Result<()> {
    p1::add_to_linker_async(linker, |host: &mut ModuleHost| &mut host.wasi)?;
    linker.allow_shadowing(true);
    transfers(linker)?;
    entries(linker)?;
    linker
        .func_wrap(MODULE, "proc_exit", |code: i32| -> wasmtime::Result<()> { Err(I32Exit(code).into()) })?;
    linker.allow_shadowing(false);
    Ok(())
}

macro_rules! forward {
    ($guest:ident, $call:ident, $($arg:expr),*) => {{
        let (mut memory, ctx) = parts(&mut $guest)?;
        calls::$call(ctx, &mut memory, $($arg),*).await?
    }};
}

fn transfers(linker: &mut Linker<ModuleHost>) -> wasmtime::Result<()> {
    linker.func_wrap_async(MODULE, "fd_read", |mut guest: Guest<'_>, (fd, iovs, n, size): I4| {
        Box::new(async move {
            let whole = shorten(&mut guest, iovs, n)?;
            let errno = forward!(guest, fd_read, fd, iovs, n, size);
            restore(&mut guest, whole)?;
            Ok(errno)
        })
    })?;
    linker.func_wrap_async(
        MODULE,
        "fd_pread",
        |mut guest: Guest<'_>, (fd, iovs, n, at, size): Positioned| {
            Box::new(async move {
                let whole = shorten(&mut guest, iovs, n)?;
                let errno = forward!(guest, fd_pread, fd, iovs, n, at, size);
                restore(&mut guest, whole)?;
                Ok(errno)
            })
        },
    )?;
    linker.func_wrap_async(MODULE, "fd_write", |mut guest: Guest<'_>, (fd, iovs, n, size): I4| {
        Box::new(async move {
            let whole = shorten(&mut guest, iovs, n)?;
            let errno = forward!(guest, fd_write, fd, iovs, n, size);
            restore(&mut guest, whole)?;
            wrote(&mut guest, errno, size)
        })
    })?;
    linker.func_wrap_async(
        MODULE,
        "fd_pwrite",
        |mut guest: Guest<'_>, (fd, iovs, n, at, size): Positioned| {
            Box::new(async move {
                let whole = shorten(&mut guest, iovs, n)?;
                let errno = forward!(guest, fd_pwrite, fd, iovs, n, at, size);
                restore(&mut guest, whole)?;
                wrote(&mut guest, errno, size)
            })
        },
    )?;
    Ok(())
}

fn entries(linker: &mut Linker<ModuleHost>) -> wasmtime::Result<()> {
    linker.func_wrap_async(
        MODULE,
        "fd_filestat_set_size",
        |mut guest: Guest<'_>, (fd, size): (i32, i64)| {
            Box::new(async move {
                let errno = forward!(guest, fd_filestat_set_size, fd, size);
                quota(&guest, OutQuota::measure)?;
                Ok(errno)
            })
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "fd_allocate",
        |mut guest: Guest<'_>, (fd, offset, size): (i32, i64, i64)| {
            Box::new(async move {
                let (mut memory, ctx) = parts(&mut guest)?;
                let errno = calls::fd_allocate(ctx, &mut memory, fd, offset, size)?;
                quota(&guest, OutQuota::measure)?;
                Ok(errno)
            })
        },
    )?;
    linker.func_wrap_async(MODULE, "path_open", |mut guest: Guest<'_>, args: PathOpen| {
        Box::new(async move {
            let (dir, lookup, path, len, oflags, rights, inheriting, fdflags, fd) = args;
            let errno =
                forward!(guest, path_open, dir, lookup, path, len, oflags, rights, inheriting, fdflags, fd);
            if oflags & OFLAGS_CREAT != 0 {
                quota(&guest, OutQuota::made_entry)?;
            }
            Ok(errno)
        })
    })?;
    linker.func_wrap_async(
        MODULE,
        "path_create_directory",
        |mut guest: Guest<'_>, (dir, path, len): (i32, i32, i32)| {
            Box::new(async move {
                let errno = forward!(guest, path_create_directory, dir, path, len);
                quota(&guest, OutQuota::made_entry)?;
                Ok(errno)
            })
        },
    )?;
    linker.func_wrap_async(
        MODULE,
        "path_symlink",
        |mut guest: Guest<'_>, (old, old_len, dir, new, new_len): (i32, i32, i32, i32, i32)| {
            Box::new(async move {
                let errno = forward!(guest, path_symlink, old, old_len, dir, new, new_len);
                quota(&guest, OutQuota::made_entry)?;
                Ok(errno)
            })
        },
    )?;
    Ok(())
}

type I4 = (i32, i32, i32, i32);
type Positioned = (i32, i32, i32, i64, i32);
type PathOpen = (i32, i32, i32, i32, i32, i64, i64, i32, i32);

fn memory(guest: &mut Guest<'_>) -> wasmtime::Result<Memory> {
    match guest.get_export("memory") {
        Some(Extern::Memory(memory)) => Ok(memory),
        _ => Err(wasmtime::Error::msg("the module exports no `memory`, which WASI needs")),
    }
}

fn parts<'a>(guest: &'a mut Guest<'_>) -> wasmtime::Result<(GuestMemory<'a>, &'a mut WasiP1Ctx)> {
    let (bytes, host) = memory(guest)?.data_and_store_mut(guest);
    let fuel = usize::try_from(host.base.host_call_bytes).unwrap_or(usize::MAX);
    calls::WasiSnapshotPreview1::set_hostcall_fuel(&mut host.wasi, fuel);
    Ok((GuestMemory::Unshared(bytes), &mut host.wasi))
}

fn quota(guest: &Guest<'_>, count: impl FnOnce(&mut OutQuota) -> Result<(), Stop>) -> Result<(), Stop> {
    guest.data().base.out.as_ref().map_or(Ok(()), |quota| count(&mut quota.lock()))
}

/// A length in the guest's memory that was lowered for one call.
struct Whole {
    at: u32,
    len: u32,
}

/// Lowers the first buffer's length to what one call may move; the calls use that buffer alone.
fn shorten(guest: &mut Guest<'_>, iovs: i32, count: i32) -> wasmtime::Result<Option<Whole>> {
    let most = u32::try_from(guest.data().base.host_call_bytes).unwrap_or(u32::MAX);
    // the call counts the array itself as moved too
    let count = count.cast_unsigned();
    let most = most.saturating_sub(count.saturating_mul(IOVEC_BYTES));
    let memory = memory(guest)?;
    let mut at = iovs.cast_unsigned().wrapping_add(4);
    for _ in 0..count {
        // what is out of bounds, the call itself reports
        let Some(len) = read_u32(memory.data(&guest), at) else { return Ok(None) };
        if len > most {
            write_u32(memory.data_mut(guest), at, most);
            return Ok(Some(Whole { at, len }));
        }
        if len != 0 {
            return Ok(None);
        }
        let Some(next) = at.checked_add(IOVEC_BYTES) else { return Ok(None) };
        at = next;
    }
    Ok(None)
}

fn restore(guest: &mut Guest<'_>, whole: Option<Whole>) -> wasmtime::Result<()> {
    if let Some(Whole { at, len }) = whole {
        write_u32(memory(guest)?.data_mut(guest), at, len);
    }
    Ok(())
}

/// Counts what a successful write reports at `size`.
fn wrote(guest: &mut Guest<'_>, errno: i32, size: i32) -> wasmtime::Result<i32> {
    if errno == SUCCESS && guest.data().base.out.is_some() {
        let written = read_u32(memory(guest)?.data(&guest), size.cast_unsigned()).unwrap_or(0);
        quota(guest, |quota| quota.wrote(u64::from(written)))?;
    }
    Ok(errno)
}

fn range(at: u32) -> Option<std::ops::Range<usize>> {
    let start = usize::try_from(at).ok()?;
    Some(start..start.checked_add(4)?)
}

fn read_u32(memory: &[u8], at: u32) -> Option<u32> {
    memory.get(range(at)?)?.try_into().ok().map(u32::from_le_bytes)
}

fn write_u32(memory: &mut [u8], at: u32, value: u32) {
    if let Some(bytes) = range(at).and_then(|range| memory.get_mut(range)) {
        bytes.copy_from_slice(&value.to_le_bytes());
    }
}
