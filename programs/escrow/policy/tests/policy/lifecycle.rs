use cyxwiz_escrow_policy::{
    Amount, Balance, BasisPoints, Charge, Config, ConfigVersion, Epoch, Escrow, JobId, MAX_LIFE, MIN_LIFE,
    Order, Refusal, Split, UnixTime,
};

const BUYER: u8 = 1;
const SETTLER: u8 = 4;
const NODE: u8 = 6;
const NOW: UnixTime = UnixTime(1_800_000_000);
const MINT: u8 = 0;

fn config() -> Config<u8> {
    Config::new(3, SETTLER, 5, BasisPoints(1_000)).unwrap().set_mint(3, MINT, true).unwrap()
}

fn full() -> Balance<u8> {
    Balance::new(BUYER, MINT).deposit(Amount(1_000)).unwrap()
}

fn order() -> Order {
    Order {
        job: JobId([1; 16]),
        deposit: Amount(100),
        limit: Amount(300),
        expire_at: NOW.plus(3_600),
        config_version: ConfigVersion(1),
    }
}

fn opened() -> (Balance<u8>, Escrow<u8>) {
    Escrow::open(&config(), &full(), BUYER, &order(), NOW).unwrap()
}

fn assigned() -> (Balance<u8>, Escrow<u8>) {
    let (balance, escrow) = opened();
    (balance, escrow.assign(&config(), SETTLER, (NODE, Epoch(1)), NOW).unwrap())
}

fn refusal(order: &Order) -> Refusal {
    Escrow::open(&config(), &full(), BUYER, order, NOW).unwrap_err()
}

fn charge(charged: u64, epoch: u32) -> Charge {
    Charge { charged: Amount(charged), epoch: Epoch(epoch) }
}

#[test]
fn an_order_must_be_sound() {
    let order = order();
    assert_eq!(refusal(&Order { deposit: Amount(0), ..order }), Refusal::AmountZero);
    assert_eq!(refusal(&Order { limit: Amount(99), ..order }), Refusal::LimitBelowDeposit);
    let large = Order { deposit: Amount(1_001), limit: Amount(1_001), ..order };
    assert_eq!(refusal(&large), Refusal::InsufficientFree);
    assert_eq!(refusal(&Order { config_version: ConfigVersion(0), ..order }), Refusal::ConfigChanged);
    assert_eq!(refusal(&Order { expire_at: NOW.plus(MIN_LIFE - 1), ..order }), Refusal::DeadlineTooSoon);
    assert_eq!(refusal(&Order { expire_at: NOW.plus(MAX_LIFE + 1), ..order }), Refusal::DeadlineTooLate);
    assert_eq!(refusal(&Order { expire_at: UnixTime(i64::MIN), ..order }), Refusal::DeadlineTooSoon);
    assert_eq!(refusal(&Order { expire_at: UnixTime(i64::MAX), ..order }), Refusal::DeadlineTooLate);
    for edge in [MIN_LIFE, MAX_LIFE] {
        let edge = Order { expire_at: NOW.plus(edge), ..order };
        assert!(Escrow::open(&config(), &full(), BUYER, &edge, NOW).is_ok());
    }
}

#[test]
fn only_the_owner_opens() {
    assert_eq!(Escrow::open(&config(), &full(), 2, &order(), NOW), Err(Refusal::NotOwner));
}

#[test]
fn a_settlement_is_split_to_the_unit() {
    let (balance, escrow) = assigned();
    let paid = escrow.settle((&config(), &balance), SETTLER, &charge(99, 1), NOW).unwrap();
    assert_eq!(paid.split, Split { node: Amount(89), platform: Amount(10), refund: Amount(1) });
    assert_eq!((paid.payee, paid.treasury), (NODE, 5));
    assert_eq!((paid.balance.free, paid.balance.locked), (Amount(901), Amount(0)));
}

#[test]
fn a_settlement_is_refused_for_each_reason() {
    let (balance, escrow) = assigned();
    let (before, config) = (opened().1, config());
    let sides = (&config, &balance);
    let settle = |who, charge: Charge, now| escrow.settle(sides, who, &charge, now).unwrap_err();
    assert_eq!(settle(BUYER, charge(1, 1), NOW), Refusal::NotSettleKey);
    assert_eq!(settle(SETTLER, charge(1, 1), escrow.expire_at), Refusal::Expired);
    assert_eq!(settle(SETTLER, charge(1, 2), NOW), Refusal::StaleEpoch);
    assert_eq!(settle(SETTLER, charge(101, 1), NOW), Refusal::ChargeAboveDeposit);
    assert_eq!(before.settle(sides, SETTLER, &charge(1, 0), NOW), Err(Refusal::NotAssigned));
    let revoked = config.set_settle_key(3, 9, true).unwrap();
    let late = escrow.settle((&revoked, &balance), SETTLER, &charge(1, 1), NOW);
    assert_eq!(late, Err(Refusal::SettleKeyRevoked));
    let broken = Balance { locked: Amount(99), ..balance };
    let short = escrow.settle((&config, &broken), SETTLER, &charge(1, 1), NOW);
    assert_eq!(short, Err(Refusal::InsufficientLocked));
    let too_dear = Escrow { fee: BasisPoints(3_001), ..escrow };
    assert_eq!(too_dear.settle(sides, SETTLER, &charge(1, 1), NOW), Err(Refusal::FeeTooHigh));
    let brimful = Balance { free: Amount(u64::MAX), ..balance };
    let over = escrow.settle((&config, &brimful), SETTLER, &charge(1, 1), NOW);
    assert_eq!(over, Err(Refusal::Overflow));
}

#[test]
fn another_balance_is_refused() {
    let (balance, escrow) = assigned();
    let (config, now) = (config(), escrow.expire_at);
    for (other, why) in [
        (Balance { owner: 2, ..balance }, Refusal::WrongBalanceOwner),
        (Balance { mint: 2, ..balance }, Refusal::WrongBalanceMint),
    ] {
        assert_eq!(escrow.settle((&config, &other), SETTLER, &charge(1, 1), NOW), Err(why));
        assert_eq!(escrow.top_up((&config, &other), BUYER, Amount(1), NOW), Err(why));
        assert_eq!(escrow.refund(&other, SETTLER), Err(why));
        assert_eq!(escrow.expire(&other, now), Err(why));
        assert_eq!(opened().1.cancel(&config, &other, BUYER), Err(why));
    }
}

#[test]
fn an_assignment_needs_a_payee_and_a_higher_epoch() {
    let (_, escrow) = assigned();
    let config = config();
    let assign = |who, payee, epoch, now| escrow.assign(&config, who, (payee, Epoch(epoch)), now);
    assert_eq!(assign(SETTLER, 0, 2, NOW), Err(Refusal::NobodyNamed));
    assert_eq!(assign(SETTLER, NODE, 1, NOW), Err(Refusal::EpochNotHigher));
    assert_eq!(assign(SETTLER, NODE, 0, NOW), Err(Refusal::EpochNotHigher));
    assert_eq!(assign(SETTLER, NODE, 2, escrow.expire_at), Err(Refusal::Expired));
    assert_eq!(assign(BUYER, NODE, 2, NOW), Err(Refusal::NotSettleKey));
    assert_eq!(assign(SETTLER, 7, u32::MAX, NOW).unwrap().epoch(), Epoch(u32::MAX));
    let revoked = config.set_settle_key(3, 9, true).unwrap();
    assert_eq!(escrow.assign(&revoked, SETTLER, (NODE, Epoch(2)), NOW), Err(Refusal::SettleKeyRevoked));
}

#[test]
fn a_settle_key_tops_up_to_the_limit_and_a_buyer_beyond() {
    let (balance, escrow) = assigned();
    let config = config();
    let top_up = |who, amount, now| escrow.top_up((&config, &balance), who, Amount(amount), now);
    assert_eq!(top_up(SETTLER, 200, NOW).unwrap().1.deposit, Amount(300));
    assert_eq!(top_up(SETTLER, 201, NOW), Err(Refusal::TopUpAboveLimit));
    let (_, more) = top_up(BUYER, 201, NOW).unwrap();
    assert_eq!((more.deposit, more.limit), (Amount(301), Amount(301)));
    assert_eq!(top_up(BUYER, 901, NOW), Err(Refusal::InsufficientFree));
    assert_eq!(top_up(BUYER, u64::MAX, NOW), Err(Refusal::Overflow));
    assert_eq!(top_up(BUYER, 0, NOW), Err(Refusal::AmountZero));
    assert_eq!(top_up(NODE, 1, NOW), Err(Refusal::NotBuyerNorSettleKey));
    assert_eq!(top_up(BUYER, 1, escrow.expire_at), Err(Refusal::Expired));
    let revoked = config.set_settle_key(3, 9, true).unwrap();
    let late = escrow.top_up((&revoked, &balance), SETTLER, Amount(1), NOW);
    assert_eq!(late, Err(Refusal::SettleKeyRevoked));
    assert!(escrow.top_up((&revoked, &balance), BUYER, Amount(1), NOW).is_ok());
    let brimful = Balance { locked: Amount(u64::MAX), ..balance };
    assert_eq!(escrow.top_up((&config, &brimful), BUYER, Amount(1), NOW), Err(Refusal::Overflow));
}

#[test]
fn each_way_back_has_its_key_and_its_time() {
    let (balance, escrow) = assigned();
    let (config, open, back) = (config(), opened().1, Ok(full()));
    assert_eq!(escrow.refund(&balance, SETTLER), back);
    assert_eq!(escrow.refund(&balance, BUYER), Err(Refusal::NotSettleKey));
    assert_eq!(open.cancel(&config, &balance, BUYER), back);
    assert_eq!(open.cancel(&config, &balance, SETTLER), Err(Refusal::NotBuyer));
    assert_eq!(escrow.cancel(&config, &balance, BUYER), Err(Refusal::AlreadyAssigned));
    assert_eq!(escrow.expire(&balance, escrow.expire_at), back);
    assert_eq!(escrow.expire(&balance, UnixTime(escrow.expire_at.0 - 1)), Err(Refusal::NotExpired));
    // books that do not hold what stands behind the escrow, or cannot take it: no way gives back what is not there
    for (broken, why) in [
        (Balance { locked: Amount(99), ..balance }, Refusal::InsufficientLocked),
        (Balance { free: Amount(u64::MAX), ..balance }, Refusal::Overflow),
    ] {
        assert_eq!(escrow.refund(&broken, SETTLER), Err(why));
        assert_eq!(open.cancel(&config, &broken, BUYER), Err(why));
        assert_eq!(escrow.expire(&broken, escrow.expire_at), Err(why));
    }
}

#[test]
fn a_revoked_settle_key_lets_the_buyer_go() {
    let (balance, escrow) = assigned();
    let rotated = config().set_settle_key(3, 9, false).unwrap();
    assert_eq!(escrow.cancel(&rotated, &balance, BUYER), Err(Refusal::AlreadyAssigned));
    let revoked = config().set_settle_key(3, 9, true).unwrap();
    assert_eq!(escrow.cancel(&revoked, &balance, BUYER), Ok(full()));
}

#[test]
fn a_balance_counts_what_it_holds() {
    let (balance, _) = opened();
    assert_eq!(balance.withdraw(BUYER, Amount(901)), Err(Refusal::InsufficientFree));
    assert_eq!(balance.withdraw(2, Amount(1)), Err(Refusal::NotOwner));
    assert_eq!(balance.withdraw(BUYER, Amount(0)), Err(Refusal::AmountZero));
    assert_eq!(balance.withdraw(BUYER, Amount(900)).unwrap().total(), Ok(Amount(100)));
    assert_eq!(balance.close(BUYER), Err(Refusal::BalanceInUse));
    assert_eq!(full().close(2), Err(Refusal::NotOwner));
    assert_eq!(full().close(BUYER), Ok(Amount(1_000)));
    assert_eq!(balance.deposit(Amount(0)), Err(Refusal::AmountZero));
    assert_eq!(balance.deposit(Amount(u64::MAX - 999)), Err(Refusal::Overflow));
    assert_eq!(balance.deposit(Amount(u64::MAX)), Err(Refusal::Overflow));
    assert!(balance.deposit(Amount(u64::MAX - 1_000)).is_ok());
}
