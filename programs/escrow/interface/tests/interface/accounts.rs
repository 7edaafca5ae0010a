use cyxwiz_escrow_interface::policy::{
    Amount, Balance, BasisPoints, Config, ConfigVersion, Epoch, Escrow, JobId, Stage, UnixTime,
};
use cyxwiz_escrow_interface::{Address, BalanceAccount, ConfigAccount, EscrowAccount, LayoutError};

fn key(n: u8) -> Address {
    Address::new_from_array([n; 32])
}

fn config() -> ConfigAccount {
    let config = Config::new(key(1), key(2), key(3), BasisPoints(1_000)).unwrap();
    let config = config.set_mint(key(1), key(9), true).unwrap().propose_admin(key(1), key(4)).unwrap();
    ConfigAccount { bump: 254, config: config.set_settle_key(key(1), key(5), true).unwrap() }
}

fn balance() -> BalanceAccount {
    let mut balance = Balance::new(key(1), key(2));
    (balance.free, balance.locked) = (Amount(u64::MAX - 1), Amount(1));
    BalanceAccount { bump: 255, vault_bump: 250, balance }
}

fn escrow(stage: Stage<Address>) -> EscrowAccount {
    let escrow = Escrow {
        buyer: key(1),
        mint: key(2),
        job: JobId([7; 16]),
        deposit: Amount(5),
        limit: Amount(6),
        expire_at: UnixTime(-1),
        fee: BasisPoints(1_000),
        treasury: key(3),
        settle_key: key(4),
        config_version: ConfigVersion(8),
        stage,
    };
    EscrowAccount { bump: 253, rent_payer: key(6), escrow }
}

/// Shorter, longer, another kind, another version.
fn refuses<T: std::fmt::Debug + PartialEq>(good: &[u8], decode: fn(&[u8]) -> Result<T, LayoutError>) {
    for length in 0..good.len() {
        assert_eq!(decode(&good[..length]), Err(LayoutError::Length));
    }
    assert_eq!(decode(&[good, &[0]].concat()), Err(LayoutError::Length));
    for (at, error) in [(0, LayoutError::Kind), (3, LayoutError::Kind), (4, LayoutError::Version)] {
        let mut bad = good.to_vec();
        bad[at] ^= 0x80;
        assert_eq!(decode(&bad), Err(error));
    }
    assert_eq!(decode(&vec![0; good.len()]), Err(LayoutError::Kind));
}

fn with(good: &[u8], at: usize, byte: u8) -> Vec<u8> {
    let mut bad = good.to_vec();
    bad[at] = byte;
    bad
}

#[test]
fn a_configuration_is_read_as_it_was_written() {
    let good = config().encode();
    assert_eq!(ConfigAccount::decode(&good), Ok(config()));
    refuses(&good, ConfigAccount::decode);
    // A flag, a count, the fee and the room behind it.
    for (at, byte) in [(6, 2), (7, 5), (145, 0xff), (146, 1), (151, 1)] {
        assert_eq!(ConfigAccount::decode(&with(&good, at, byte)), Err(LayoutError::Value), "{at}");
    }
}

#[test]
fn a_balance_is_read_as_it_was_written() {
    let good = balance().encode();
    assert_eq!(BalanceAccount::decode(&good), Ok(balance()));
    refuses(&good, BalanceAccount::decode);
    assert_eq!(BalanceAccount::decode(&with(&good, 7, 1)), Err(LayoutError::Value));
}

#[test]
fn an_escrow_is_read_as_it_was_written() {
    for stage in [Stage::Open, Stage::Assigned { payee: key(5), epoch: Epoch(u32::MAX) }] {
        let good = escrow(stage).encode();
        assert_eq!(EscrowAccount::decode(&good), Ok(escrow(stage)));
        refuses(&good, EscrowAccount::decode);
    }
    let good = escrow(Stage::Open).encode();
    // A payee without an epoch, an epoch without a payee, a fee above the ceiling, a limit below the deposit.
    for (at, byte) in [(104, 1), (240, 1), (7, 0xff), (224, 4)] {
        assert_eq!(EscrowAccount::decode(&with(&good, at, byte)), Err(LayoutError::Value), "{at}");
    }
}
