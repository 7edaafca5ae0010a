//! How threads share the processors: those that wait for little work come before those that compute.
//!
//! A thread that wakes takes the processor from another when its own slice is shorter and its virtual deadline
//! (slice by weight) earlier; else it waits for the other's slice, which the kernel ends only at its tick (4 ms).
//! So prompt threads have a short slice, and patient ones, of lower weight, a longer one: whatever wakes passes
//! them, other programs with the kernel's own slice of 1 to 3 ms too. How much the patient ones get in the end
//! is decided by weight alone: beside a thread that never rests, `nice` 10 keeps a tenth of a processor and
//! `nice` 5 a quarter. A thread that has just had more than its share waits all the same, until the next tick.

use std::time::Duration;

const PROMPT_SLICE: Duration = Duration::from_micros(200);
/// Long enough, by weight, for all others to pass; one that gives way loses as much.
const PATIENT_SLICE: Duration = Duration::from_millis(1);
const COMPILER_SLICE: Duration = Duration::from_millis(20);
/// How much guests that compute for long stand back, on the scale of `nice`.
const PATIENT: i32 = 10;
/// How much the compiler does: a task waits for it.
const COMPILER: i32 = 5;
/// How much a compiler does that nobody waits for.
const IDLER: i32 = 19;

/// Makes this thread, and those that it starts, prompt: for calls and short guests.
pub fn prompt() {
    schedule(0, PROMPT_SLICE);
}

/// Makes this thread, and those that it starts, patient: for guests that compute for long.
pub fn patient() {
    schedule(PATIENT, PATIENT_SLICE);
}

/// Makes this thread, and those that it starts, patient, less so than [`patient`]: for the compile child.
pub(crate) fn compiler() {
    schedule(COMPILER, COMPILER_SLICE);
}

/// Makes this thread, and those that it starts, take what all others leave over: for a compiler that nobody waits for.
pub(crate) fn idler() {
    schedule(IDLER, COMPILER_SLICE);
}

/// Where the kernel refuses, or knows no slices (before Linux 6.12), all compete as everything else does.
#[expect(unsafe_code, reason = "no crate wraps sched_setattr")]
fn schedule(nice: i32, slice: Duration) {
    let attributes = libc::sched_attr {
        size: size_of::<libc::sched_attr>() as u32,
        sched_policy: libc::SCHED_OTHER as u32,
        sched_flags: 0,
        sched_nice: nice,
        sched_priority: 0,
        sched_runtime: slice.as_nanos() as u64,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the kernel reads `size` bytes of `attributes`, which outlive the call; 0 is this thread.
    unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
}
