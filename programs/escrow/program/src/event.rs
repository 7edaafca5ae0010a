//! Events go into the transaction's log.

use cyxwiz_escrow_interface::{Event, MAX_EVENT};

/// Writes the event into the log.
#[inline(never)]
pub(crate) fn emit(event: &Event) {
    let mut buffer = [0; MAX_EVENT];
    let length = event.encode(&mut buffer);
    if let Some(bytes) = buffer.get(..length) {
        log(bytes);
    }
}

#[cfg(any(target_os = "solana", target_arch = "bpf"))]
fn log(bytes: &[u8]) {
    let parts: [&[u8]; 1] = [bytes];
    #[expect(unsafe_code, reason = "a syscall")]
    // SAFETY: the chain reads one slice from `parts`, which outlives the call.
    unsafe {
        pinocchio::syscalls::sol_log_data(parts.as_ptr().cast(), 1);
    }
}

#[cfg(not(any(target_os = "solana", target_arch = "bpf")))]
fn log(_: &[u8]) {}
