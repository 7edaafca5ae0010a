//! The modules, most of them hand-written.

use std::{fmt::Write as _, fs};

use vyr_sdk::control::FailureKind;

use crate::support::guest;

/// How a hostile module has to end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    /// It is unusual and allowed: it succeeds.
    Succeeds,
    /// It fails in one of these ways.
    Fails(&'static [FailureKind]),
}

fn text(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap()
}

/// A module of random bytes after a valid head.
fn garbage() -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    let mut seed = 0x9e37_79b9_u32;
    bytes.extend(
        std::iter::repeat_with(|| {
            seed ^= seed << 13;
            seed ^= seed >> 17;
            seed ^= seed << 5;
            seed.to_le_bytes()[1]
        })
        .take(100_000),
    );
    bytes
}

/// A module that ends with a custom section of `size` bytes.
fn custom_section(size: u32) -> Vec<u8> {
    let mut bytes = text(r#"(module (memory (export "memory") 1) (func (export "_start")))"#);
    bytes.push(0);
    let mut length = size + 2;
    while length >= 0x80 {
        bytes.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend([1, b'x']);
    bytes.extend(std::iter::repeat_n(0x5a, size as usize));
    bytes
}

fn functions(count: usize) -> Vec<u8> {
    let mut wat = String::from("(module (memory (export \"memory\") 1) (func (export \"_start\"))");
    for n in 0..count {
        write!(wat, "(func (param i32) (result i32) (i32.mul (local.get 0) (i32.const {n})))").unwrap();
    }
    text(&(wat + ")"))
}

fn exports(count: usize) -> Vec<u8> {
    let mut wat = String::from("(module (memory (export \"memory\") 1) (func $f (export \"_start\"))");
    for n in 0..count {
        write!(wat, "(export \"export-{n}\" (func $f))").unwrap();
    }
    text(&(wat + ")"))
}

/// Nested blocks as deep as validators commonly allow, and deeper.
fn nested(depth: usize) -> Vec<u8> {
    let body = "block ".repeat(depth) + &"end ".repeat(depth);
    text(&format!("(module (memory (export \"memory\") 1) (func (export \"_start\") {body}))"))
}

/// A module whose one function has some `bytes` bytes that an optimiser has to think about for long.
pub(super) fn long_function(bytes: usize) -> Vec<u8> {
    let names = ["$a", "$b", "$c", "$d", "$e", "$f", "$g", "$h"];
    let step = |n: usize| {
        let place = |offset: usize| names[(n + offset) % names.len()];
        let [to, factor, address] = [0, 3, 5].map(place);
        format!(
            "(local.set {to} (i32.rotl (i32.mul (local.get {factor}) (local.get {to})) (i32.load (local.get {address}))))"
        )
    };
    // thirteen bytes each
    let body: String = (0..bytes / 13).map(|n| step(n * 5)).collect();
    let locals = names.map(|name| format!("(local {name} i32)")).concat();
    text(&format!(r#"(module (memory (export "memory") 1) (func (export "_start") {locals} {body}))"#))
}

/// Every hostile module: name, bytes, arguments, and how it has to end.
pub(super) fn all() -> Vec<(&'static str, Vec<u8>, &'static [&'static str], Fate)> {
    const EXIT: FailureKind = FailureKind::Exit;
    const LIMIT: FailureKind = FailureKind::Limit;
    const LINK: FailureKind = FailureKind::Link;
    const TRAP: FailureKind = FailureKind::Trap;
    let file = |name: &str| fs::read(guest(name)).unwrap();
    let loop_in_start = r#"(module (memory (export "memory") 1)
        (func $spin (loop $l (br $l))) (start $spin) (func (export "_start")))"#;
    let bulk = r#"(module (memory (export "memory") 1)
        (func (export "_start") (drop (memory.grow (i32.const 4000)))
            (loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 262144000)) (br $l))))"#;
    let foreign = r#"(module (import "env" "system" (func)) (func (export "_start")))"#;
    vec![
        ("garbage", garbage(), &[], Fate::Fails(&[LINK])),
        ("functions", functions(10_000), &[], Fate::Succeeds),
        ("exports", exports(20_000), &[], Fate::Succeeds),
        ("custom-section", custom_section(64 << 20), &[], Fate::Succeeds),
        ("nested", nested(20_000), &[], Fate::Succeeds),
        ("loop-in-start", text(loop_in_start), &[], Fate::Fails(&[LIMIT])),
        ("bulk-memory", text(bulk), &[], Fate::Fails(&[LIMIT, TRAP])),
        ("foreign-import", text(foreign), &[], Fate::Fails(&[LINK])),
        ("spin", file("spin"), &[], Fate::Fails(&[LIMIT])),
        ("mem-bomb", file("mem-bomb"), &[], Fate::Fails(&[LIMIT, EXIT, TRAP])),
        ("deep-recursion", file("deep-recursion"), &[], Fate::Fails(&[TRAP])),
        ("deep-recursion.p1", file("deep-recursion.p1"), &[], Fate::Fails(&[TRAP])),
        ("flood", file("flood"), &[], Fate::Fails(&[LIMIT])),
        ("flood-stderr", file("flood.p1"), &["stderr"], Fate::Fails(&[LIMIT])),
        ("sleep", file("sleep"), &[], Fate::Fails(&[LIMIT])),
        ("trap", file("trap"), &[], Fate::Fails(&[TRAP])),
    ]
}
