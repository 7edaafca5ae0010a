use cyxwiz_escrow_policy::Amount;

/// What to do about the money of a job that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetStep {
    /// There is enough.
    Go,
    /// Set so much more aside from the buyer's balance.
    TopUp(Amount),
    /// Nothing more can be set aside, and what there was is spent: stop the run.
    Stop,
}

/// Decides by what the run has cost, what is set aside, what the whole allowed time would cost, up to how much the buyer
/// allowed, and what is free in his balance. From 80 % on more is set aside: as much again as the deposit, or what is allowed and
/// free. A deposit that pays for the whole time never runs out: the time does, and that is the reason to tell.
#[must_use]
pub fn budget_step(spent: Amount, deposit: Amount, whole: Amount, limit: Amount, free: Amount) -> BudgetStep {
    if deposit >= whole || u128::from(spent.0) * 5 < u128::from(deposit.0) * 4 {
        return BudgetStep::Go;
    }
    let allowed = limit.0.saturating_sub(deposit.0);
    match deposit.0.min(allowed).min(free.0) {
        0 if spent >= deposit => BudgetStep::Stop,
        0 => BudgetStep::Go,
        more => BudgetStep::TopUp(Amount(more)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tops_up_at_four_fifths_and_stops_at_the_end() {
        let step = |spent, deposit, limit, free| {
            budget_step(Amount(spent), Amount(deposit), Amount(1000), Amount(limit), Amount(free))
        };
        assert_eq!(step(79, 100, 300, 500), BudgetStep::Go);
        assert_eq!(step(80, 100, 300, 500), BudgetStep::TopUp(Amount(100)));
        assert_eq!(step(170, 200, 300, 500), BudgetStep::TopUp(Amount(100)));
        assert_eq!(step(80, 100, 300, 30), BudgetStep::TopUp(Amount(30)));
        assert_eq!(step(80, 100, 100, 500), BudgetStep::Go);
        assert_eq!(step(100, 100, 100, 500), BudgetStep::Stop);
        assert_eq!(step(100, 100, 300, 0), BudgetStep::Stop);
        assert_eq!(step(1000, 1000, 3000, 5000), BudgetStep::Go, "the time is up, not the money");
    }

    proptest! {
        #[test]
        fn never_beyond_the_limit_nor_what_is_free(spent: u64, deposit: u64, whole: u64, limit: u64, free: u64) {
            let step = budget_step(Amount(spent), Amount(deposit), Amount(whole), Amount(limit), Amount(free));
            if let BudgetStep::TopUp(Amount(more)) = step {
                prop_assert!(more > 0 && more <= free);
                prop_assert!(u128::from(deposit) + u128::from(more) <= u128::from(limit));
            }
        }
    }
}
