//! Token accounts and mints that are not what they should be.

use cyxwiz_escrow_interface::{Address, EscrowError, TOKEN_PROGRAM};
use cyxwiz_escrow_tests::{DEPOSIT, Failure, LIFE, Money, START, World, mint_data, token_data};
use solana_instruction::Instruction;
use solana_signer::Signer;

use crate::cases::{assigned, funded, refuses};

const TOKEN_2022: Address = Address::from_str_const("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");

/// The instructions that move tokens, each with the places of: token program, vault, a token account outside.
fn moving(world: &World) -> [(Instruction, usize, usize, usize); 4] {
    [
        (world.deposit(Money::Usdc, 5), 7, 6, 5),
        (world.withdraw(Money::Usdc, 5), 4, 3, 2),
        (world.settle(Money::Usdc, 1, 50, 1), 8, 7, 5),
        (world.settle(Money::Usdc, 1, 50, 1), 8, 7, 6),
    ]
}

#[test]
fn token_2022_is_refused() {
    let world = assigned(Money::Usdc);
    for (good, program, vault, outside) in moving(&world) {
        let mut bad = good.clone();
        bad.accounts[program].pubkey = TOKEN_2022;
        refuses(&world, &bad, EscrowError::NotTokenProgram);
        for at in [vault, outside] {
            let mut world = world.clone();
            let address = good.accounts[at].pubkey;
            let mut account = world.svm.get_account(&address).unwrap();
            account.owner = TOKEN_2022;
            world.svm.set_account(address, account).unwrap();
            refuses(&world, &good, EscrowError::NotTokenAccount);
        }
    }
    let mut world = World::new();
    let mint = Address::new_from_array([55; 32]);
    world.put(mint, TOKEN_2022, mint_data(None));
    let list = world.program.set_mint(world.cast.admin.pubkey(), mint, true);
    refuses(&world, &list, EscrowError::NotMint);
}

#[test]
fn a_frozen_token_account_refuses_and_strands_nothing() {
    let world = assigned(Money::Usdc);
    for (good, _, vault, outside) in moving(&world) {
        for at in [vault, outside] {
            let mut frozen = world.clone();
            freeze(&mut frozen, good.accounts[at].pubkey, 2);
            refuses(&frozen, &good, EscrowError::TokenAccountFrozen);
            // The books go back without any token account.
            frozen.clone().send(&[frozen.refund(Money::Usdc, 1)]).expect("a refund");
            frozen.at(START + LIFE);
            frozen.send(&[frozen.expire(Money::Usdc, 1)]).expect("an expiry");
        }
    }
    let mut thawed = world.clone();
    let (good, _, _, payee) = moving(&world)[2].clone();
    let payee = good.accounts[payee].pubkey;
    freeze(&mut thawed, payee, 2);
    refuses(&thawed, &good, EscrowError::TokenAccountFrozen);
    freeze(&mut thawed, payee, 1);
    thawed.send(&[good]).expect("a settlement after the thaw");
}

fn freeze(world: &mut World, address: Address, state: u8) {
    let mut account = world.svm.get_account(&address).unwrap();
    account.data[108] = state;
    world.svm.set_account(address, account).unwrap();
}

#[test]
fn a_missing_token_account_refuses() {
    let world = assigned(Money::Usdc);
    for (good, _, _, outside) in moving(&world) {
        let mut missing = world.clone();
        missing.remove(good.accounts[outside].pubkey);
        refuses(&missing, &good, EscrowError::NotTokenAccount);
    }
}

#[test]
fn another_mint_is_refused() {
    let mut world = assigned(Money::Usdc);
    let mint = Address::new_from_array([55; 32]);
    world.put(mint, TOKEN_PROGRAM, mint_data(None));
    for (good, _, _, outside) in moving(&world) {
        let mut other = world.clone();
        let address = good.accounts[outside].pubkey;
        let mut account = other.svm.get_account(&address).unwrap();
        account.data[..32].copy_from_slice(mint.as_array());
        other.svm.set_account(address, account).unwrap();
        refuses(&other, &good, EscrowError::TokenMint);
    }
}

#[test]
fn a_mint_that_is_not_on_the_list_is_not_taken() {
    let mut world = World::new();
    let (mint, buyer) = (Address::new_from_array([55; 32]), world.cast.buyer.pubkey());
    world.put(mint, TOKEN_PROGRAM, mint_data(None));
    let account = Address::new_from_array([56; 32]);
    world.put(account, TOKEN_PROGRAM, token_data(&mint, &buyer, 100));
    let purse = cyxwiz_escrow_interface::build::Purse::Tokens { mint, account };
    let deposit = world.program.deposit(buyer, purse, cyxwiz_escrow_interface::policy::Amount(5));
    refuses(&world, &deposit, EscrowError::MintNotAllowed);
}

#[test]
fn a_mint_that_left_the_list_goes_home() {
    for money in Money::BOTH {
        let mut world = assigned(money);
        let admin = world.cast.admin.pubkey();
        world.send(&[world.program.set_mint(admin, world.mint_of(money), false)]).expect("off the list");
        refuses(&world, &world.deposit(money, 1), EscrowError::MintNotAllowed);
        refuses(&world, &world.open(money, 2), EscrowError::MintNotAllowed);
        let steps = [world.settle(money, 1, 5, 1), world.withdraw(money, 1), world.close_balance(money)];
        world.send(&steps).expect("the rest goes on");
    }
}

#[test]
fn a_vault_that_lost_tokens_pays_nobody() {
    let world = assigned(Money::Usdc);
    let balance = world.closed(Money::Usdc, 1).balance;
    let mut short = world.clone();
    let less = token_data(&world.mint, &balance, 10 * DEPOSIT - 1);
    short.put(world.program.vault(&balance), TOKEN_PROGRAM, less);
    for (good, ..) in moving(&world) {
        refuses(&short, &good, EscrowError::VaultShort);
    }
    let mut short = assigned(Money::Sol);
    let balance = short.closed(Money::Sol, 1).balance;
    let mut account = short.svm.get_account(&balance).unwrap();
    account.lamports -= 1;
    short.svm.set_account(balance, account).unwrap();
    for good in [short.withdraw(Money::Sol, 1), short.settle(Money::Sol, 1, 5, 1)] {
        refuses(&short, &good, EscrowError::VaultShort);
    }
}

#[test]
fn more_than_the_wallet_holds_is_not_deposited() {
    for money in Money::BOTH {
        let mut world = funded();
        let deposit = world.deposit(money, 1 << 60);
        let Err(Failure::Else(why)) = world.send(&[deposit]) else { panic!("deposited") };
        assert!(why.contains("insufficient") || why.contains("Custom(1)"), "{why}");
    }
}
