use std::hash::{DefaultHasher, Hash, Hasher as _};

/// A small generator, the same for the same beginning.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn of(beginning: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        beginning.hash(&mut hasher);
        Self(hasher.finish() | 1)
    }

    pub(super) fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    pub(super) fn one_in(&mut self, of: u64) -> bool {
        self.next(of) == 0
    }
}
