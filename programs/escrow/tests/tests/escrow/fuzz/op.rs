//! What can be asked for, at random.

use proptest::prelude::*;

/// Who signs.
#[derive(Clone, Copy, Debug)]
pub(super) enum By {
    /// Whoever may, at that moment.
    Right,
    Admin,
    /// Is admin once he was proposed and accepted.
    Heir,
    Settler,
    /// Is the settle key once the admin named him.
    NextSettler,
    Buyer,
    Thief,
}

/// What can be done; numbers are cut to size when it is done.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Deposit(u64),
    Withdraw(u64),
    CloseBalance,
    Open {
        job: u8,
        deposit: u64,
        more: u64,
        life: i64,
        stale: bool,
    },
    /// With the present epoch and so many more.
    Assign {
        job: u8,
        other: bool,
        more: u32,
        by: By,
    },
    TopUp {
        job: u8,
        amount: u64,
        by: By,
    },
    /// So many thousandths of the deposit, with the present epoch or one less.
    Settle {
        job: u8,
        thousandths: u64,
        late: bool,
        by: By,
    },
    Refund {
        job: u8,
        by: By,
    },
    Cancel {
        job: u8,
        by: By,
    },
    Expire {
        job: u8,
    },
    Wait(i64),
    Set {
        what: Setting,
        by: By,
    },
}

/// What an admin changes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Setting {
    Fee(u16),
    SettleKey { next: bool, revoke: bool },
    Treasury { other: bool },
    Listed(bool),
    Paused(bool),
    Propose { heir: bool },
    Accept,
}

impl Op {
    /// What it is, without the numbers.
    pub(super) fn name(&self) -> String {
        let text = match self {
            Self::Set { what, .. } => format!("{what:?}"),
            other => format!("{other:?}"),
        };
        text.split(|one: char| !one.is_alphanumeric()).next().unwrap_or_default().to_owned()
    }
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    let (job, amount) = (1..4u8, 0..1_500_000u64);
    let settles = || prop_oneof![9 => Just(By::Right), 2 => Just(By::Settler), 2 => Just(By::NextSettler), 1 => Just(By::Thief)];
    let buys = || prop_oneof![9 => Just(By::Buyer), 1 => Just(By::Thief)];
    let tops = prop_oneof![3 => buys(), 3 => settles()];
    prop_oneof![
        3 => amount.clone().prop_map(Op::Deposit),
        2 => amount.clone().prop_map(Op::Withdraw),
        1 => Just(Op::CloseBalance),
        4 => (job.clone(), amount.clone(), amount.clone(), 500..5_000i64, prop::bool::weighted(0.1))
            .prop_map(|(job, deposit, more, life, stale)| Op::Open { job, deposit, more, life, stale }),
        5 => (job.clone(), any::<bool>(), prop_oneof![1 => Just(0), 8 => 1..3u32], settles())
            .prop_map(|(job, other, more, by)| Op::Assign { job, other, more, by }),
        2 => (job.clone(), amount, tops).prop_map(|(job, amount, by)| Op::TopUp { job, amount, by }),
        5 => (job.clone(), 0..1_100u64, prop::bool::weighted(0.1), settles())
            .prop_map(|(job, thousandths, late, by)| Op::Settle { job, thousandths, late, by }),
        1 => (job.clone(), settles()).prop_map(|(job, by)| Op::Refund { job, by }),
        2 => (job.clone(), buys()).prop_map(|(job, by)| Op::Cancel { job, by }),
        1 => job.prop_map(|job| Op::Expire { job }),
        2 => (0..1_000i64).prop_map(Op::Wait),
        5 => (setting(), prop_oneof![5 => Just(By::Right), 2 => Just(By::Admin), 2 => Just(By::Heir), 1 => Just(By::Thief)])
            .prop_map(|(what, by)| Op::Set { what, by }),
    ]
}

fn setting() -> impl Strategy<Value = Setting> {
    let mostly = || prop::bool::weighted(0.8);
    prop_oneof![
        2 => (0..3_100u16).prop_map(Setting::Fee),
        2 => (any::<bool>(), prop::bool::weighted(0.3))
            .prop_map(|(next, revoke)| Setting::SettleKey { next, revoke }),
        1 => any::<bool>().prop_map(|other| Setting::Treasury { other }),
        2 => mostly().prop_map(Setting::Listed),
        2 => mostly().prop_map(|running| Setting::Paused(!running)),
        1 => mostly().prop_map(|heir| Setting::Propose { heir }),
        1 => Just(Setting::Accept),
    ]
}
