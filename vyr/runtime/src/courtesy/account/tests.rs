use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

#[test]
fn after_its_time_aside_it_is_its_own_turn() {
    let mut account = Account::default();
    let mut cpu = Duration::from_millis(7);
    account.pay(cpu);
    let mut pauses = 0;
    while !account.is_due() {
        account.stood_aside(PAUSE);
        pauses += 1;
    }
    assert_eq!(pauses, 20);
    cpu += Duration::from_micros(4_999);
    account.pay(cpu);
    assert!(!account.is_due() && !account.is_over(Duration::ZERO));
    cpu += Duration::from_micros(1);
    account.pay(cpu);
    assert!(account.is_over(Duration::ZERO));
}

#[test]
fn who_was_passed_for_long_is_spared_for_a_while() {
    let mut account = Account::default();
    assert!(account.gives_way());
    account.gave_way(Duration::from_millis(8));
    assert!(!account.gives_way());
    account.pay(Duration::from_millis(1));
    assert!(account.gives_way());
}

/// A guest that always computes, beside short tasks without end.
#[derive(Default)]
struct Guest {
    account: Account,
    cpu: Duration,
    /// For how long it has had its turn; `None` while it stands aside.
    held: Option<Duration>,
    /// Since its last turn.
    waited: Duration,
    /// What it stood aside less what its processor time paid for, in nanoseconds, and the least that ever was.
    balance: i128,
    least: i128,
    /// Turns since then.
    turns: u32,
}

fn nanos(time: Duration) -> i128 {
    i128::try_from(time.as_nanos()).unwrap()
}

proptest! {
    /// Whatever the processors leave those whose turn it is: no more of them compute than have a place, everybody's
    /// turn comes, and it is long enough to pay, where the processor was theirs.
    #[test]
    fn guests_keep_their_share_one_after_the_other(
        guests in 1_usize..7,
        places in 1_usize..4,
        steps in prop::collection::vec((50_u64..3_000, 1_u32..=10), 1..600),
    ) {
        let mut all: Vec<Guest> = (0..guests).map(|_| Guest::default()).collect();
        let mut queue: VecDeque<usize> = VecDeque::new();
        let longest_step = Duration::from_micros(3_000);
        let before = u32::try_from((guests - 1) / places + 1).unwrap();
        let longest_wait = MOST + PAUSE + longest_step * 2 + (LONGEST + longest_step * 2) * before;
        for (micros, tenths) in steps {
            let step = Duration::from_micros(micros);
            for (index, guest) in all.iter_mut().enumerate() {
                match &mut guest.held {
                    Some(held) => {
                        *held += step;
                        let got = step * tenths / 10;
                        guest.cpu += got;
                        guest.account.pay(guest.cpu);
                        guest.balance -= nanos(got * WORTH);
                        if guest.balance < guest.least {
                            (guest.least, guest.turns) = (guest.balance, 0);
                        }
                        if guest.account.is_over(*held) {
                            guest.held = None;
                            guest.waited = Duration::ZERO;
                        }
                    }
                    None => {
                        guest.account.stood_aside(step);
                        guest.waited += step;
                        guest.balance += nanos(step);
                        prop_assert!(guest.waited <= longest_wait, "{:?}", guest.waited);
                        if guest.account.is_due() && !queue.contains(&index) {
                            queue.push_back(index);
                        }
                    }
                }
                // who waits for no place stands aside no longer than its processor time pays for, one round beyond,
                // and what it woke too late for each turn
                if guests <= places {
                    let bound = MOST + longest_step * (guest.turns + 2);
                    prop_assert!(guest.balance - guest.least <= nanos(bound));
                }
            }
            while all.iter().filter(|guest| guest.held.is_some()).count() < places
                && let Some(next) = queue.pop_front()
            {
                all[next].held = Some(Duration::ZERO);
                all[next].turns += 1;
            }
        }
    }
}
