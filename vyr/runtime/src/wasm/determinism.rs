//! What stands in for chance and time: the same bytes and moments on every machine.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use rand_core::TryRng;
use vyr_model::Determinism;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};

/// How far each look moves the clocks. Never zero: a guest that waits for time to pass must see it pass.
const STEP: Duration = Duration::from_micros(1);
/// What keeps the two random interfaces apart.
const SECURE: &[u8] = b"wasi:random/random";
const INSECURE: &[u8] = b"wasi:random/insecure";
const INSECURE_SEED: &[u8] = b"wasi:random/insecure-seed";

/// Takes chance and time away from a guest.
pub(super) fn apply(determinism: Determinism, builder: &mut WasiCtxBuilder) {
    let Determinism { seed, clock } = determinism;
    let mut insecure_seed = [0; 16];
    Bytes::new(seed, INSECURE_SEED).0.fill(&mut insecure_seed);
    let looks = Looks::default();
    builder
        .secure_random(Bytes::new(seed, SECURE))
        .insecure_random(Bytes::new(seed, INSECURE))
        .insecure_random_seed(u128::from_le_bytes(insecure_seed))
        .monotonic_clock(Monotonic(looks.clone()))
        .wall_clock(Wall { start: clock.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(), looks });
}

/// Random bytes: the extended output of BLAKE3 over the seed, the same for all versions of this program.
struct Bytes(blake3::OutputReader);

impl Bytes {
    fn new(seed: u64, interface: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("vyr 2026-11 deterministic random bytes");
        hasher.update(&seed.to_le_bytes()).update(interface);
        Self(hasher.finalize_xof())
    }
}

impl TryRng for Bytes {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(to);
        Ok(())
    }
}

/// How often a guest looked at a clock.
#[derive(Clone, Default)]
struct Looks(Arc<AtomicU64>);

impl Looks {
    fn next(&self) -> Duration {
        Duration::from_micros(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

struct Monotonic(Looks);

impl HostMonotonicClock for Monotonic {
    fn resolution(&self) -> u64 {
        u64::try_from(STEP.as_nanos()).unwrap_or(u64::MAX)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.next().as_nanos()).unwrap_or(u64::MAX)
    }
}

struct Wall {
    start: Duration,
    looks: Looks,
}

impl HostWallClock for Wall {
    fn resolution(&self) -> Duration {
        STEP
    }

    fn now(&self) -> Duration {
        self.start.saturating_add(self.looks.next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_bytes_are_the_same_everywhere() {
        let draw = |seed, interface| {
            let mut bytes = [0; 8];
            Bytes::new(seed, interface).try_fill_bytes(&mut bytes).unwrap();
            bytes
        };
        // fixed: results of older runs are compared with these
        assert_eq!(hex(&draw(7, SECURE)), "c6b5b7d42d5567a5");
        assert_ne!(draw(7, SECURE), draw(8, SECURE));
        assert_ne!(draw(7, SECURE), draw(7, INSECURE));
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn clocks_move_only_when_looked_at() {
        let looks = Looks::default();
        let (monotonic, wall) = (Monotonic(looks.clone()), Wall { start: Duration::from_secs(9), looks });
        assert_eq!(monotonic.now(), 0);
        assert_eq!(wall.now(), Duration::from_secs(9) + STEP);
        assert_eq!(monotonic.now(), 2000);
    }
}
