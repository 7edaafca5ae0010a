use vyr_model::{Failure, LimitKind, Terminal};
use wasmtime::{FrameInfo, Trap, WasmBacktrace, component::ResourceTableError};
use wasmtime_wasi::I32Exit;

use super::{error::Stop, watch::Watch};

/// Bytes of a trap's text that are kept.
const MAX_TEXT: usize = 4096;
/// What wasmtime says when a host call moves too much; it has no public type for it.
const HOST_CALL_BYTES: &str = "fuel allocated for hostcalls has been exhausted";
/// What wasmtime-wasi says when a guest asks for too many random bytes at once.
const RANDOM_BYTES: &str = "requested len";

/// Returns the exit code when `error` is the guest's own end.
pub(crate) fn exit_code(error: &wasmtime::Error) -> Option<i32> {
    error.downcast_ref::<I32Exit>().map(|exit| exit.0)
}

/// Says how a guest with this exit code ends.
pub(crate) fn exited(code: i32) -> Terminal {
    if code == 0 { Terminal::Succeeded } else { Terminal::Failed(Failure::Exit(code)) }
}

/// Says how a guest ends that the host ended.
pub(crate) fn stopped(stop: Stop) -> Terminal {
    match stop {
        Stop::Cancelled => Terminal::Cancelled,
        Stop::Limit(kind) => Terminal::Failed(Failure::Limit(kind)),
        Stop::Grant(text) => Terminal::Failed(Failure::Grant(text)),
        Stop::Internal(text) => Terminal::Failed(Failure::Internal(text)),
    }
}

/// Says how a guest ends whose execution failed.
pub(crate) fn failed(error: &wasmtime::Error, watch: &Watch) -> Terminal {
    if let Some(stop) = find::<Stop>(error) {
        return stopped(stop.clone());
    }
    let trap = error.downcast_ref::<Trap>();
    if matches!(trap, Some(Trap::OutOfFuel)) {
        return limit(LimitKind::Fuel);
    }
    if matches!(find::<ResourceTableError>(error), Some(ResourceTableError::Full)) {
        return limit(LimitKind::Handles);
    }
    if says(error, HOST_CALL_BYTES) || says(error, RANDOM_BYTES) {
        return limit(LimitKind::HostCallBytes);
    }
    // a guest that was refused memory and then gave up
    if watch.memory_refused() {
        return limit(LimitKind::Memory);
    }
    Terminal::Failed(Failure::Trap(text(error)))
}

fn limit(kind: LimitKind) -> Terminal {
    Terminal::Failed(Failure::Limit(kind))
}

fn find<E: std::error::Error + Send + Sync + 'static>(error: &wasmtime::Error) -> Option<&E> {
    error.downcast_ref::<E>().or_else(|| error.chain().find_map(|cause| cause.downcast_ref::<E>()))
}

fn says(error: &wasmtime::Error, words: &str) -> bool {
    error.chain().any(|cause| cause.to_string().contains(words))
}

/// The trap first, then where in the guest it happened: no addresses of the host.
fn text(error: &wasmtime::Error) -> String {
    let mut text = match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => error.root_cause().to_string(),
    };
    if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
        add_frames(&mut text, backtrace.frames());
    }
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    text
}

fn add_frames(text: &mut String, frames: &[FrameInfo]) {
    for same in frames.chunk_by(|a, b| place(a) == place(b)) {
        let Some(frame) = same.first() else { continue };
        match frame.func_name() {
            Some(name) => *text += &format!("\n  at {:#}", rustc_demangle::demangle(name)),
            None => *text += &format!("\n  at function {}", frame.func_index()),
        }
        if let Some(offset) = frame.module_offset() {
            *text += &format!(" (+0x{offset:x})");
        }
        if same.len() > 1 {
            *text += &format!(", {} times", same.len());
        }
    }
}

fn place(frame: &FrameInfo) -> (u32, Option<usize>) {
    (frame.func_index(), frame.module_offset())
}
