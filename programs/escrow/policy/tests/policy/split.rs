use cyxwiz_escrow_policy::{Amount, BasisPoints, MAX_FEE, Refusal, Split};

use crate::chance::Chance;

/// The formula as one would write it down, with 128 bits.
fn by_the_book(charged: u64, fee: u16) -> u64 {
    u64::try_from(u128::from(charged) * u128::from(10_000 - fee) / 10_000).unwrap()
}

#[test]
fn the_node_gets_nine_tenths_rounded_down() {
    let split = Split::of(Amount(100), Amount(99), BasisPoints(1_000)).unwrap();
    assert_eq!(split, Split { node: Amount(89), platform: Amount(10), refund: Amount(1) });
}

#[test]
fn the_split_is_exact_against_128_bits() {
    let mut chance = Chance::new(1);
    for n in 0..2_000_000 {
        let charged = match n % 4 {
            0 => chance.next(),
            1 => chance.next() >> chance.below(64),
            2 => u64::MAX - chance.below(100_000),
            _ => chance.below(100_000),
        };
        let fee = u16::try_from(chance.below(u64::from(MAX_FEE.0) + 1)).unwrap();
        let deposit = charged.saturating_add(chance.next() >> chance.below(64));
        let split = Split::of(Amount(deposit), Amount(charged), BasisPoints(fee)).unwrap();
        assert_eq!(split.node.0, by_the_book(charged, fee), "{charged} at {fee}");
        assert_eq!(split.node.0 + split.platform.0, charged);
        assert_eq!(split.refund.0, deposit - charged);
        assert_eq!(split.charged().unwrap(), Amount(charged));
    }
}

#[test]
fn every_fee_and_every_rest_is_exact() {
    for fee in 0..=MAX_FEE.0 {
        for rest in 0..10_000_u64 {
            let charged = u64::MAX / 10_000 * 10_000 - 10_000 + rest;
            let split = Split::of(Amount(charged), Amount(charged), BasisPoints(fee)).unwrap();
            assert_eq!(split.node.0, by_the_book(charged, fee));
        }
    }
}

#[test]
fn nothing_and_everything_can_be_charged() {
    for deposit in [0, 1, 9_999, 10_000, u64::MAX] {
        for charged in [0, deposit] {
            let split = Split::of(Amount(deposit), Amount(charged), BasisPoints(1_000)).unwrap();
            assert_eq!(split.refund.0, deposit - charged);
        }
    }
}

#[test]
fn more_than_the_deposit_is_never_charged() {
    for (deposit, charged) in [(0, 1), (5, 6), (u64::MAX - 1, u64::MAX)] {
        let refused = Split::of(Amount(deposit), Amount(charged), BasisPoints(0));
        assert_eq!(refused, Err(Refusal::ChargeAboveDeposit));
    }
}

#[test]
fn no_fee_is_above_the_highest() {
    for fee in [MAX_FEE.0 + 1, 10_000, 10_001, u16::MAX] {
        assert_eq!(Split::of(Amount(1), Amount(1), BasisPoints(fee)), Err(Refusal::FeeTooHigh));
    }
}

#[test]
fn what_does_not_add_up_is_no_split() {
    let split = |node, platform, refund| Split {
        node: Amount(node),
        platform: Amount(platform),
        refund: Amount(refund),
    };
    assert_eq!(split(5, 3, 2).adds_up_to(Amount(10)), Ok(split(5, 3, 2)));
    for broken in [split(5, 3, 1), split(5, 3, 3), split(5, u64::MAX, 2), split(5, 3, u64::MAX)] {
        assert_eq!(broken.adds_up_to(Amount(10)), Err(Refusal::SplitBroken), "{broken:?}");
    }
    // what a share above the charge would come to: eleven of ten
    let wrapped = 10_u64.wrapping_sub(11);
    assert_eq!(split(11, wrapped, 0).adds_up_to(Amount(10)), Err(Refusal::SplitBroken));
}
