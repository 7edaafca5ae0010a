use std::time::Duration;

/// How long a guest stands aside before it looks anew.
pub(crate) const TURN: Duration = Duration::from_millis(2);
/// How long it stands aside, all in all, before it is its own turn.
const MOST: Duration = Duration::from_millis(40);
/// How much standing aside each moment of processor time pays for: who computes for 5 ms may have stood aside
/// for 40. A guest so keeps a ninth of the time, about what its weight beside prompt threads gives it.
const WORTH: u32 = 8;

/// How long one guest stood aside, less what it got since: nobody stands aside for good.
#[derive(Debug, Default)]
pub(crate) struct Account {
    owed: Duration,
    /// Processor time of the guest when it was asked last.
    cpu: Duration,
    /// It stood aside for long enough and computes until nothing is owed.
    own_turn: bool,
}

impl Account {
    /// Tells whether a guest that has had `cpu` of processor time so far may be made to stand aside for a turn.
    pub(crate) fn may_stand_aside(&mut self, cpu: Duration) -> bool {
        let got = cpu.saturating_sub(self.cpu);
        self.cpu = self.cpu.max(cpu);
        self.owed = self.owed.saturating_sub(got.saturating_mul(WORTH));
        self.own_turn &= !self.owed.is_zero();
        !self.own_turn
    }

    /// It stood aside for so long.
    pub(crate) fn stood_aside(&mut self, time: Duration) {
        self.owed = self.owed.saturating_add(time);
        self.own_turn |= self.owed >= MOST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn after_its_time_aside_it_is_its_own_turn() {
        let mut account = Account::default();
        let mut cpu = Duration::from_millis(7);
        let mut turns = 0;
        while account.may_stand_aside(cpu) {
            account.stood_aside(TURN);
            turns += 1;
        }
        assert_eq!(turns, 20);
        cpu += Duration::from_micros(4_999);
        assert!(!account.may_stand_aside(cpu));
        cpu += Duration::from_micros(1);
        assert!(account.may_stand_aside(cpu));
    }

    proptest! {
        /// Whatever happens, in every stretch of its life a guest gets its share: what it stood aside is at most
        /// what its processor time pays for, and one round beyond.
        #[test]
        fn a_guest_keeps_its_share(steps in prop::collection::vec((0_u64..6_000, 0_u64..4_000), 1..400)) {
            let mut account = Account::default();
            let mut cpu = Duration::ZERO;
            // what it stood aside less what was paid, and the least that ever was
            let (mut balance, mut least) = (0_i128, 0_i128);
            for (computes, aside) in steps {
                let computes = Duration::from_micros(computes);
                cpu += computes;
                balance -= i128::try_from((computes * WORTH).as_nanos()).unwrap();
                least = least.min(balance);
                if account.may_stand_aside(cpu) {
                    // one turn, and what the thread was late to wake
                    let aside = Duration::from_micros(aside);
                    account.stood_aside(aside);
                    balance += i128::try_from(aside.as_nanos()).unwrap();
                }
                let bound = MOST + 2 * TURN;
                prop_assert!(balance - least <= i128::try_from(bound.as_nanos()).unwrap());
            }
        }
    }
}
