//! Every instruction in a world in which it works: what the other tests break.

use cyxwiz_escrow_interface::policy::BasisPoints;
use cyxwiz_escrow_interface::{Address, EscrowError};
use cyxwiz_escrow_tests::{DEPOSIT, Failure, LIFE, Money, START, World};
use solana_instruction::Instruction;
use solana_signer::Signer;

/// An instruction that works, and how its accounts are called.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) world: World,
    pub(crate) good: Instruction,
    pub(crate) accounts: Vec<&'static str>,
}

/// The instruction, sent alone, is refused with this error and changes nothing.
pub(crate) fn refuses(world: &World, instruction: &Instruction, error: EscrowError) {
    refuses_all(world, std::slice::from_ref(instruction), error);
}

/// The transaction is refused with this error and changes nothing.
pub(crate) fn refuses_all(world: &World, instructions: &[Instruction], error: EscrowError) {
    let mut world = world.clone();
    let before = cyxwiz_escrow_tests::Ledger::of(&world);
    let refused = world.send(instructions).err();
    assert_eq!(refused, Some(Failure::Refused(error)));
    assert!(before == cyxwiz_escrow_tests::Ledger::of(&world), "{error:?} changed something");
}

/// A world in which the buyer has money of both kinds.
pub(crate) fn funded() -> World {
    let mut world = World::new();
    for money in Money::BOTH {
        let deposit = world.deposit(money, 10 * DEPOSIT);
        world.send(&[deposit]).expect("a deposit");
    }
    world
}

/// A world with an escrow for job 1.
pub(crate) fn opened(money: Money) -> World {
    let mut world = funded();
    let open = world.open(money, 1);
    world.send(&[open]).expect("an open");
    world
}

/// A world with an escrow for job 1 that is assigned to the node.
pub(crate) fn assigned(money: Money) -> World {
    let mut world = opened(money);
    let assign = world.assign(1, 1);
    world.send(&[assign]).expect("an assignment");
    world
}

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = settings();
    for money in Money::BOTH {
        cases.extend(balances(money));
        cases.extend(jobs(money));
    }
    cases
}

fn case(name: &str, world: World, good: Instruction, accounts: &[&'static str]) -> Case {
    assert_eq!(good.accounts.len(), accounts.len(), "{name}");
    Case { name: name.to_owned(), world, good, accounts: accounts.to_vec() }
}

fn settings() -> Vec<Case> {
    let (bare, world) = (World::bare(), World::new());
    let (cast, program) = (world.cast.clone(), world.program);
    let (admin, heir) = (cast.admin.pubkey(), cast.stranger.pubkey());
    let keys = [admin, cast.settler.pubkey(), cast.treasury.pubkey()];
    let init = program.init(cast.sponsor.pubkey(), cast.deployer.pubkey(), keys, BasisPoints(1_000));
    let mut proposed = world.clone();
    proposed.send(&[program.propose_admin(admin, heir)]).expect("a proposal");
    let two = ["admin", "config"];
    let other = Address::new_from_array([9; 32]);
    vec![
        case("init", bare, init, &["payer", "upgrade authority", "config", "program data", "system program"]),
        case("propose_admin", world.clone(), program.propose_admin(admin, heir), &two),
        case("accept_admin", proposed, program.accept_admin(heir), &["pending admin", "config"]),
        case("set_settle_key", world.clone(), program.set_settle_key(admin, other, true), &two),
        case("set_treasury", world.clone(), program.set_treasury(admin, other), &two),
        case("set_fee", world.clone(), program.set_fee(admin, BasisPoints(5)), &two),
        case("set_paused", world.clone(), program.set_paused(admin, true), &two),
        case(
            "set_mint",
            world.clone(),
            program.set_mint(admin, world.mint, true),
            &["admin", "config", "mint"],
        ),
    ]
}

fn balances(money: Money) -> Vec<Case> {
    let (fresh, funded) = (World::new(), funded());
    let name = |what: &str| format!("{what}.{money:?}").to_lowercase();
    let mut into = vec!["owner", "config", "balance", "system program"];
    let mut out = vec!["owner", "balance"];
    if money == Money::Usdc {
        into.extend(["mint", "owner's tokens", "vault", "token program"]);
        out.extend(["owner's tokens", "vault", "token program"]);
    }
    let (first, again) = (fresh.deposit(money, DEPOSIT), funded.deposit(money, DEPOSIT));
    let (withdraw, close) = (funded.withdraw(money, DEPOSIT), funded.close_balance(money));
    vec![
        case(&name("first_deposit"), fresh, first, &into),
        case(&name("deposit"), funded.clone(), again, &into),
        case(&name("withdraw"), funded.clone(), withdraw, &out),
        case(&name("close_balance"), funded, close, &out),
    ]
}

fn jobs(money: Money) -> Vec<Case> {
    let (funded, opened, assigned) = (funded(), opened(money), assigned(money));
    let name = |what: &str| format!("{what}.{money:?}").to_lowercase();
    let mut late = assigned.clone();
    late.at(START + LIFE);
    let mut paid = vec!["settle key", "config", "balance", "escrow", "rent payer"];
    paid.extend(match money {
        Money::Sol => vec!["payee", "treasury"],
        Money::Usdc => vec!["payee's tokens", "treasury's tokens", "vault", "token program"],
    });
    let open = funded.open(money, 1);
    let (assign, cancel) = (opened.assign(1, 1), opened.cancel(money, 1));
    let top_up = assigned.top_up(money, 1, DEPOSIT);
    let (settle, refund) = (assigned.settle(money, 1, DEPOSIT - 3, 1), assigned.refund(money, 1));
    let expire = late.expire(money, 1);
    let closed = ["balance", "escrow", "rent payer"];
    let opens = ["buyer", "payer", "config", "balance", "escrow", "system program"];
    vec![
        case(&name("open"), funded, open, &opens),
        case(&name("assign"), opened.clone(), assign, &["settle key", "config", "escrow"]),
        case(&name("top_up"), assigned.clone(), top_up, &["settle key", "config", "balance", "escrow"]),
        case(&name("settle"), assigned.clone(), settle, &paid),
        case(&name("refund"), assigned, refund, &[&["settle key"], &closed[..]].concat()),
        case(&name("cancel"), opened, cancel, &[&["buyer", "config"], &closed[..]].concat()),
        case(&name("expire"), late, expire, &closed),
    ]
}
