//! Token accounts and mints that are not what they should be.

use cyxwiz_escrow_interface::{Address, EscrowError, TOKEN_PROGRAM};
use cyxwiz_escrow_tests::{DEPOSIT, Failure, LIFE, Ledger, Money, START, World, mint_data, token_data};
use solana_account::Account;
use solana_instruction::Instruction;
use solana_signer::Signer;

use crate::cases::{assigned, funded, refuses};

const TOKEN_2022: Address = Address::from_str_const("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");

/// An instruction that moves tokens, in a world where it works, and where its accounts stand.
struct Moving {
    world: World,
    good: Instruction,
    program: usize,
    vault: usize,
    /// A token account outside.
    outside: usize,
}

/// All that move tokens; a settlement twice, for the payee and for the treasury.
fn moving() -> Vec<Moving> {
    let (idle, busy) = (funded(), assigned(Money::Usdc));
    let of = |world: &World, good, [program, vault, outside]: [usize; 3]| {
        world.clone().send(std::slice::from_ref(&good)).expect("works");
        Moving { world: world.clone(), good, program, vault, outside }
    };
    vec![
        of(&busy, busy.deposit(Money::Usdc, 5), [7, 6, 5]),
        of(&busy, busy.withdraw(Money::Usdc, 5), [4, 3, 2]),
        of(&busy, busy.settle(Money::Usdc, 1, 50, 1), [8, 7, 5]),
        of(&busy, busy.settle(Money::Usdc, 1, 50, 1), [8, 7, 6]),
        of(&idle, idle.close_balance(Money::Usdc), [4, 3, 2]),
    ]
}

/// Refused with the account at this place changed like this.
fn refuses_changed(moving: &Moving, at: usize, change: impl FnOnce(&mut Account), error: EscrowError) {
    let mut world = moving.world.clone();
    let address = moving.good.accounts[at].pubkey;
    let mut account = world.svm.get_account(&address).unwrap();
    change(&mut account);
    world.svm.set_account(address, account).unwrap();
    refuses(&world, &moving.good, error);
}

#[test]
fn token_2022_is_refused() {
    for moving in moving() {
        let mut bad = moving.good.clone();
        bad.accounts[moving.program].pubkey = TOKEN_2022;
        refuses(&moving.world, &bad, EscrowError::NotTokenProgram);
        for at in [moving.vault, moving.outside] {
            let change = |account: &mut Account| account.owner = TOKEN_2022;
            refuses_changed(&moving, at, change, EscrowError::NotTokenAccount);
        }
    }
    let mut world = World::new();
    let mint = Address::new_from_array([55; 32]);
    world.put(mint, TOKEN_2022, mint_data(None));
    let list = world.program.set_mint(world.cast.admin.pubkey(), mint, true);
    refuses(&world, &list, EscrowError::NotMint);
}

/// 355 bytes are a multisig, which may own tokens and is none.
#[test]
fn a_token_account_has_its_length() {
    for moving in moving() {
        for at in [moving.vault, moving.outside] {
            for length in [0, 82, 164, 166, 355] {
                let change = |account: &mut Account| {
                    account.data.resize(length, 1);
                    account.lamports = 10_000_000;
                };
                refuses_changed(&moving, at, change, EscrowError::NotTokenAccount);
            }
        }
    }
}

#[test]
fn a_mint_has_its_length() {
    let (fresh, mint) = (World::new(), Address::new_from_array([55; 32]));
    for length in [0, 81, 83, 165, 355] {
        let mut data = mint_data(None);
        data.resize(length, 1);
        let mut world = fresh.clone();
        world.put(mint, TOKEN_PROGRAM, data.clone());
        let list = world.program.set_mint(world.cast.admin.pubkey(), mint, true);
        refuses(&world, &list, EscrowError::NotMint);
        // As the mint of a deposit, whether or not there is a balance.
        for mut world in [fresh.clone(), funded()] {
            world.put(world.mint, TOKEN_PROGRAM, data.clone());
            refuses(&world, &world.deposit(Money::Usdc, 5), EscrowError::NotMint);
        }
    }
}

#[test]
fn a_frozen_token_account_refuses_and_strands_nothing() {
    for Moving { world, good, vault, outside, .. } in moving() {
        for at in [vault, outside] {
            let mut frozen = world.clone();
            freeze(&mut frozen, good.accounts[at].pubkey, 2);
            refuses(&frozen, &good, EscrowError::TokenAccountFrozen);
            // The books go back without any token account.
            if frozen.escrow(&frozen.cast.buyer.pubkey(), frozen.order(1).job).is_some() {
                frozen.clone().send(&[frozen.refund(Money::Usdc, 1)]).expect("a refund");
                let mut late = frozen.clone();
                late.at(START + LIFE);
                late.send(&[late.expire(Money::Usdc, 1)]).expect("an expiry");
            }
            freeze(&mut frozen, good.accounts[at].pubkey, 1);
            frozen.send(std::slice::from_ref(&good)).expect("goes on after the thaw");
        }
    }
}

fn freeze(world: &mut World, address: Address, state: u8) {
    let mut account = world.svm.get_account(&address).unwrap();
    account.data[108] = state;
    world.svm.set_account(address, account).unwrap();
}

#[test]
fn a_missing_token_account_refuses() {
    for Moving { world, good, outside, .. } in moving() {
        let mut missing = world.clone();
        missing.remove(good.accounts[outside].pubkey);
        refuses(&missing, &good, EscrowError::NotTokenAccount);
    }
}

#[test]
fn another_mint_is_refused() {
    let mint = Address::new_from_array([55; 32]);
    for moving in moving() {
        for at in [moving.vault, moving.outside] {
            let change = |account: &mut Account| account.data[..32].copy_from_slice(mint.as_array());
            refuses_changed(&moving, at, change, EscrowError::TokenMint);
        }
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
    for good in [
        world.deposit(Money::Usdc, 5),
        world.withdraw(Money::Usdc, 5),
        world.settle(Money::Usdc, 1, 50, 1),
        world.close_balance(Money::Usdc),
    ] {
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

/// Not an error of ours: the transfer by the system program or the token program is what is refused.
#[test]
fn more_than_the_wallet_holds_is_not_deposited() {
    for money in Money::BOTH {
        for (world, amounts) in [
            (World::new(), [1 << 60, u64::MAX - 1, u64::MAX]),
            (funded(), [1 << 60, 1 << 61, u64::MAX - 10 * DEPOSIT]),
        ] {
            for amount in amounts {
                let mut world = world.clone();
                let before = Ledger::of(&world);
                let deposit = world.deposit(money, amount);
                let Err(Failure::Else(why)) = world.send(&[deposit]) else { panic!("{amount}: deposited") };
                // The system program's ResultWithNegativeLamports, the token program's InsufficientFunds: both 1.
                assert!(why.contains("Custom(1)"), "{amount}: {why}");
                assert!(before == Ledger::of(&world), "{amount} changed something");
            }
        }
    }
}
