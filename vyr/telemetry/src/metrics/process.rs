use std::fs;

use rustix::time::{ClockId, clock_gettime};

/// Returns the bytes of memory that the process occupies; 0 where the system does not say.
pub(super) fn resident_bytes() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").ok().and_then(|text| {
        let resident = text.split(' ').nth(1)?;
        resident.parse::<u64>().ok()
    });
    pages.unwrap_or(0).saturating_mul(rustix::param::page_size() as u64)
}

/// Returns the seconds of processor time that the process used.
pub(super) fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
