use cyxwiz_escrow_policy::{BasisPoints, Config, ConfigVersion, MAX_FEE, Mints, Refusal};

fn config() -> Config<u8> {
    Config::new(1, 2, 3, BasisPoints(1_000)).unwrap()
}

#[test]
fn nobody_cannot_be_admin_settle_key_or_treasury() {
    for [admin, settle, treasury] in [[0_u8, 2, 3], [1, 0, 3], [1, 2, 0]] {
        assert_eq!(Config::new(admin, settle, treasury, BasisPoints(0)), Err(Refusal::NobodyNamed));
    }
    assert_eq!(config().set_settle_key(1, 0, false), Err(Refusal::NobodyNamed));
    assert_eq!(config().set_treasury(1, 0), Err(Refusal::NobodyNamed));
}

#[test]
fn a_fee_has_a_ceiling() {
    let above = BasisPoints(MAX_FEE.0 + 1);
    assert_eq!(Config::<u8>::new(1, 2, 3, above), Err(Refusal::FeeTooHigh));
    assert_eq!(config().set_fee(1, above), Err(Refusal::FeeTooHigh));
    assert_eq!(config().set_fee(1, MAX_FEE).unwrap().fee, MAX_FEE);
}

#[test]
fn only_the_admin_changes_anything() {
    let config = config();
    let refused = Err(Refusal::NotAdmin);
    assert_eq!(config.propose_admin(2, 9), refused);
    assert_eq!(config.set_settle_key(2, 9, true), refused);
    assert_eq!(config.set_treasury(2, 9), refused);
    assert_eq!(config.set_fee(2, BasisPoints(0)), refused);
    assert_eq!(config.set_mint(2, 9, true), refused);
    assert_eq!(config.set_paused(2, true), refused);
}

#[test]
fn an_admin_is_handed_over_in_two_steps() {
    let proposed = config().propose_admin(1, 9).unwrap();
    assert_eq!((proposed.admin, proposed.pending_admin), (1, 9));
    assert_eq!(proposed.accept_admin(8), Err(Refusal::NotPendingAdmin));
    let accepted = proposed.accept_admin(9).unwrap();
    assert_eq!((accepted.admin, accepted.pending_admin), (9, 0));
    assert_eq!(accepted.accept_admin(9), Err(Refusal::NotPendingAdmin));
}

#[test]
fn a_proposal_can_be_taken_back() {
    let taken_back = config().propose_admin(1, 9).unwrap().propose_admin(1, 0).unwrap();
    assert_eq!(taken_back.accept_admin(9), Err(Refusal::NotPendingAdmin));
    assert_eq!(taken_back.accept_admin(0), Err(Refusal::NotPendingAdmin));
}

#[test]
fn what_a_buyer_relies_on_raises_the_version() {
    let config = config();
    assert_eq!(config.version, ConfigVersion(1));
    assert_eq!(config.set_fee(1, BasisPoints(5)).unwrap().version, ConfigVersion(2));
    assert_eq!(config.set_treasury(1, 9).unwrap().version, ConfigVersion(2));
    let rotated = config.set_settle_key(1, 9, false).unwrap();
    assert_eq!((rotated.version, rotated.revoked_below), (ConfigVersion(2), ConfigVersion(0)));
    let revoked = config.set_settle_key(1, 9, true).unwrap();
    assert_eq!((revoked.version, revoked.revoked_below), (ConfigVersion(2), ConfigVersion(2)));
    assert_eq!(config.set_paused(1, true).unwrap().version, ConfigVersion(1));
}

#[test]
fn the_last_version_has_no_next() {
    let last = Config { version: ConfigVersion(u32::MAX), ..config() };
    assert_eq!(last.set_fee(1, BasisPoints(5)), Err(Refusal::Overflow));
    assert_eq!(last.set_treasury(1, 9), Err(Refusal::Overflow));
    assert_eq!(last.set_settle_key(1, 9, true), Err(Refusal::Overflow));
}

#[test]
fn the_list_of_mints_holds_four() {
    let mut config = config();
    for mint in [0, 10, 11, 12] {
        config = config.set_mint(1, mint, true).unwrap();
    }
    assert_eq!(config.set_mint(1, 13, true), Err(Refusal::MintListFull));
    assert_eq!(config.set_mint(1, 11, true), Ok(config));
    let less = config.set_mint(1, 10, false).unwrap();
    assert_eq!(less.mints.iter().collect::<Vec<_>>(), [0, 11, 12]);
    assert_eq!([config.mints.count(), less.mints.count()], [4, 3]);
    assert_eq!(less.set_mint(1, 10, false), Ok(less));
    assert_eq!(less.admits(10), Err(Refusal::MintNotAllowed));
    assert_eq!(less.admits(0), Ok(()));
    assert_eq!(less.set_paused(1, true).unwrap().admits(0), Err(Refusal::Paused));
}

#[test]
fn a_list_is_no_longer_than_its_room() {
    assert_eq!(Mints::new([1_u8, 2, 3, 4], 5), Err(Refusal::MintListFull));
    assert_eq!(Mints::new([1_u8, 2, 3, 4], 2).unwrap().iter().collect::<Vec<_>>(), [1, 2]);
}
