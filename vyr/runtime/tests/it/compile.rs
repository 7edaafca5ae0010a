use std::time::Duration;

use vyr_model::Failure;
use vyr_runtime::{
    Courtesy,
    wasm::{CompileError, Compiler, CompilerOptions, Haste, Level, Metering, ProgramKind, compile},
};

use crate::support::{Task, guest_bytes, load_code};

pub(crate) fn options() -> CompilerOptions {
    CompilerOptions::new(env!("CARGO_BIN_EXE_vyr-compile"), [""; 0])
}

pub(crate) fn compiler() -> Compiler {
    Compiler::new(options())
}

/// A module whose one function has a body of about `bytes` bytes that the optimiser has to think about.
pub(crate) fn huge_function(bytes: usize) -> Vec<u8> {
    let mut body = vec![1, 8, 0x7f]; // eight i32 locals
    while body.len() < bytes {
        let local = u8::try_from(body.len() % 8).unwrap();
        // (local.set a (i32.rotl (i32.mul (local.get b) (local.get a)) (i32.load (local.get c))))
        body.extend([
            0x20,
            (local + 3) % 8,
            0x20,
            local,
            0x6c,
            0x20,
            (local + 5) % 8,
            0x28,
            2,
            0,
            0x77,
            0x21,
            local,
        ]);
    }
    body.push(0x0b);
    with_body(&body)
}

/// A command whose `_start` is `body`: its locals, then its code.
pub(crate) fn with_body(body: &[u8]) -> Vec<u8> {
    let mut code = leb(1);
    code.extend(leb(body.len()));
    code.extend(body);
    let mut wasm = b"\0asm\x01\0\0\0".to_vec();
    section(&mut wasm, 1, &[1, 0x60, 0, 0]);
    section(&mut wasm, 3, &[1, 0]);
    section(&mut wasm, 5, &[1, 0, 1]);
    section(&mut wasm, 7, b"\x02\x06_start\0\0\x06memory\x02\0");
    section(&mut wasm, 10, &code);
    wasm
}

pub(crate) fn section(wasm: &mut Vec<u8>, id: u8, content: &[u8]) {
    wasm.push(id);
    wasm.extend(leb(content.len()));
    wasm.extend(content);
}

fn leb(mut n: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(n & 0x7f).unwrap();
        n >>= 7;
        if n == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

#[tokio::test]
async fn the_childs_code_is_the_same_as_ours_and_runs() {
    for name in ["echo", "echo.p1"] {
        let wasm = guest_bytes(name);
        for metering in [Metering::Time, Metering::Fuel] {
            let full = compile(&wasm, metering).unwrap();
            let all = [Haste::Full, Haste::Quick, Haste::Later];
            // what is to be repeatable is compiled one way alone
            for haste in all.into_iter().take(if metering == Metering::Time { 3 } else { 1 }) {
                let code = compiler().compile(&wasm, metering, haste).await.unwrap();
                assert_eq!(code == full, haste.level() == Level::Full, "{haste:?}");
                let program = load_code(&code, ProgramKind::detect(&wasm).unwrap(), metering);
                let ran = Task::new(&[]).stdin("hello").run(&program).await.succeeded();
                assert_eq!(ran.stdout.text(), "hello");
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_wasm_starts_no_child() {
    let compiler = Compiler::new(CompilerOptions::new("/not/there", [""; 0]));
    for bytes in [&b""[..], b"#!/bin/sh\n", b"\0asm\x01\0", b"\x7fELF\x02\x01\x01\0", b"(module)"] {
        assert!(matches!(
            compiler.compile(bytes, Metering::Time, Haste::Full).await,
            Err(CompileError::NotWasm)
        ));
    }
    let error = compiler.compile(b"\0asm\x01\0\0\0", Metering::Time, Haste::Full).await.unwrap_err();
    assert!(matches!(error, CompileError::Process { action: "start", .. }));
    assert!(matches!(error.failure(), Failure::Internal(_)));
}

#[tokio::test]
async fn invalid_wasm_says_why() {
    let mut garbage = b"\0asm\x01\0\0\0".to_vec();
    garbage.extend((0..10_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]));
    let error = compiler().compile(&garbage, Metering::Time, Haste::Full).await.unwrap_err();
    let Failure::Link(text) = error.failure() else { panic!("{error:?}") };
    assert!(text.starts_with("the Wasm is invalid: "), "{text}");

    let mut cut = guest_bytes("echo");
    cut.truncate(cut.len() / 2);
    let error = compiler().compile(&cut, Metering::Time, Haste::Full).await.unwrap_err();
    assert!(matches!(error, CompileError::Invalid(_)), "{error:?}");
}

#[tokio::test]
async fn a_function_that_compiles_for_minutes_meets_the_deadline() {
    let deadline = Duration::from_millis(300);
    let compiler = Compiler::new(CompilerOptions { deadline, ..options() });
    let error = compiler.compile(&huge_function(6 << 20), Metering::Time, Haste::Full).await.unwrap_err();
    assert!(matches!(error, CompileError::Deadline { limit } if limit == deadline), "{error:?}");
    assert!(matches!(error.failure(), Failure::Link(_)));
}

#[tokio::test]
async fn a_function_that_needs_too_much_memory_is_refused() {
    let compiler = Compiler::new(CompilerOptions { memory_bytes: 256 << 20, ..options() });
    let error = compiler.compile(&huge_function(4 << 20), Metering::Time, Haste::Full).await.unwrap_err();
    assert!(matches!(error, CompileError::Memory { .. }), "{error:?}");
}

#[tokio::test]
async fn processor_time_is_bounded_too() {
    let compiler = Compiler::new(CompilerOptions { cpu_time: Duration::from_secs(1), ..options() });
    let error = compiler.compile(&huge_function(6 << 20), Metering::Time, Haste::Full).await.unwrap_err();
    assert!(matches!(error, CompileError::Deadline { .. } | CompileError::Memory { .. }), "{error:?}");
}

#[tokio::test]
async fn too_much_code_is_refused() {
    let compiler = Compiler::new(CompilerOptions { output_bytes: 10_000, ..options() });
    let error = compiler.compile(&guest_bytes("echo"), Metering::Time, Haste::Full).await.unwrap_err();
    assert!(matches!(error, CompileError::Output { limit: 10_000 }), "{error:?}");
}

/// Tells whether a child of this process is stopped.
fn a_child_is_stopped() -> bool {
    let own = std::process::id().to_string();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let states = processes.filter_map(|process| std::fs::read_to_string(process.path().join("stat")).ok());
    // `pid (name) state parent …`
    let mut states = states.filter_map(|stat| stat.rsplit_once(") ").map(|(_, rest)| rest.to_owned()));
    states.any(|rest| rest.starts_with(&format!("T {own} ")))
}

#[tokio::test]
async fn a_compiler_that_nobody_waits_for_stops_while_short_tasks_are_in_flight() {
    let courtesy = Courtesy::default();
    let compiler = Compiler::new(CompilerOptions { courtesy: courtesy.clone(), ..options() });
    let wasm = huge_function(400_000);
    let mut compiled = std::pin::pin!(compiler.compile(&wasm, Metering::Time, Haste::Later));
    loop {
        let _short = courtesy.arrive();
        tokio::select! {
            biased;
            code = &mut compiled => panic!("it did not stop, and ended well: {}", code.is_ok()),
            () = tokio::task::yield_now() => {}
        }
        if a_child_is_stopped() {
            break;
        }
    }
    let code = compiled.await.unwrap();
    assert!(code == compile(&wasm, Metering::Time).unwrap(), "as if nothing had been");
}
