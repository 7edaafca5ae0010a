use std::time::Duration;

/// How long a guest stands aside before it looks anew.
pub(crate) const PAUSE: Duration = Duration::from_millis(2);
/// How long it stands aside, all in all, before a turn of its own is due.
const MOST: Duration = Duration::from_millis(40);
/// How much standing aside each moment of processor time pays for: who computes for 5 ms may have stood aside
/// for 40. A guest so keeps a ninth of the time, about what its weight beside prompt threads gives it.
const WORTH: u32 = 8;
/// How long a turn may take by the clock: others wait for their own.
const LONGEST: Duration = Duration::from_millis(25);

/// How long one guest stood aside, less what it got since: nobody stands aside for good.
#[derive(Debug, Default)]
pub(crate) struct Account {
    owed: Duration,
    /// Processor time of the guest when it was asked last.
    cpu: Duration,
    /// Until it has had so much processor time it gives way to nobody, in a turn of its own.
    spared: Duration,
}

impl Account {
    /// The guest has had `cpu` of processor time so far.
    pub(crate) fn pay(&mut self, cpu: Duration) {
        let got = cpu.saturating_sub(self.cpu);
        self.cpu = self.cpu.max(cpu);
        self.owed = self.owed.saturating_sub(got.saturating_mul(WORTH));
    }

    /// It stood aside for so long. More than what makes a turn due is not kept: while it waits for the others'
    /// turns its own grows no longer.
    pub(crate) fn stood_aside(&mut self, time: Duration) {
        self.owed = self.owed.saturating_add(time).min(MOST);
    }

    /// Tells whether it stood aside for long enough.
    pub(crate) fn is_due(&self) -> bool {
        self.owed >= MOST
    }

    /// Tells whether a turn of its own that was `held` for so long by the clock is over.
    pub(crate) fn is_over(&self, held: Duration) -> bool {
        self.owed.is_zero() || held >= LONGEST
    }

    /// Tells whether, in a turn of its own, it lets others pass that wait for its very processor.
    pub(crate) fn gives_way(&self) -> bool {
        self.cpu >= self.spared
    }

    /// They took so long: what they leave it is a ninth here too.
    pub(crate) fn gave_way(&mut self, time: Duration) {
        self.spared = self.cpu.saturating_add(time / WORTH);
    }
}

#[cfg(test)]
mod tests;
