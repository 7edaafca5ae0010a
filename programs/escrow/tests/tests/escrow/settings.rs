//! The configuration on the chain.

use cyxwiz_escrow_interface::policy::{BasisPoints, ConfigVersion};
use cyxwiz_escrow_interface::{Address, EscrowError, Event, NATIVE};
use cyxwiz_escrow_tests::World;
use solana_signer::Signer;

use crate::cases::refuses;

#[test]
fn a_first_configuration_says_what_was_asked() {
    let world = World::new();
    let config = world.config().config;
    assert_eq!(config.admin, world.cast.admin.pubkey());
    assert_eq!(config.settle_key, world.cast.settler.pubkey());
    assert_eq!(config.treasury, world.cast.treasury.pubkey());
    assert_eq!((config.fee, config.version), (BasisPoints(1_000), ConfigVersion(1)));
    assert_eq!(config.mints.iter().collect::<Vec<_>>(), [NATIVE, world.mint]);
}

#[test]
fn an_admin_is_handed_over_in_two_steps() {
    let mut world = World::new();
    let (old, next) = (world.cast.admin.pubkey(), world.cast.stranger.pubkey());
    let program = world.program;
    refuses(&world, &program.accept_admin(next), EscrowError::NotPendingAdmin);
    world.send(&[program.propose_admin(old, next)]).expect("a proposal");
    refuses(&world, &program.set_fee(next, BasisPoints(1)), EscrowError::NotAdmin);
    refuses(&world, &program.accept_admin(old), EscrowError::NotPendingAdmin);
    world.send(&[program.accept_admin(next)]).expect("an acceptance");
    refuses(&world, &program.set_fee(old, BasisPoints(1)), EscrowError::NotAdmin);
    let sent = world.send(&[program.set_fee(next, BasisPoints(1))]).expect("a fee");
    assert_eq!(sent.events, [Event::ConfigChanged { version: ConfigVersion(2), by: 5 }]);
    assert_eq!(world.config().config.fee, BasisPoints(1));
}

#[test]
fn nobody_is_not_named() {
    let world = World::new();
    let (admin, program) = (world.cast.admin.pubkey(), world.program);
    let nobody = Address::default();
    refuses(&world, &program.set_settle_key(admin, nobody, false), EscrowError::NobodyNamed);
    refuses(&world, &program.set_treasury(admin, nobody), EscrowError::NobodyNamed);
    let bare = World::bare();
    let deployer = bare.cast.deployer.pubkey();
    let init = program.init(deployer, deployer, [admin, nobody, admin], BasisPoints(0));
    refuses(&bare, &init, EscrowError::NobodyNamed);
}

#[test]
fn a_list_takes_four_mints() {
    let mut world = World::new();
    let admin = world.cast.admin.pubkey();
    for n in 60..62 {
        let mint = Address::new_from_array([n; 32]);
        world.put(mint, cyxwiz_escrow_interface::TOKEN_PROGRAM, cyxwiz_escrow_tests::mint_data(None));
        world.send(&[world.program.set_mint(admin, mint, true)]).expect("a mint");
    }
    let mint = Address::new_from_array([62; 32]);
    world.put(mint, cyxwiz_escrow_interface::TOKEN_PROGRAM, cyxwiz_escrow_tests::mint_data(None));
    refuses(&world, &world.program.set_mint(admin, mint, true), EscrowError::MintListFull);
    // One that is gone from the chain can be taken off.
    world.remove(world.mint);
    world.send(&[world.program.set_mint(admin, world.mint, false)]).expect("off the list");
    world.send(&[world.program.set_mint(admin, mint, true)]).expect("a mint");
}
