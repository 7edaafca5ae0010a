use vyr_model::{Failure, Terminal};
use vyr_runtime::wasm::{Level, Metering, ProgramKind, Runtime};

use crate::support::{Task, command, guest};

#[tokio::test]
async fn noop_of_both_kinds_succeeds() {
    for name in ["noop", "noop.p1"] {
        let ran = Task::new(&[]).run(&guest(name)).await.succeeded();
        let started = ran.outcome.started.unwrap();
        assert!(ran.outcome.prepared <= started && started <= ran.outcome.ended);
        assert!(ran.stdout.bytes().is_empty());
    }
}

#[tokio::test]
async fn exit_codes_come_through() {
    let program = guest("exit-code.p1");
    for code in [0, 1, 7, 125, 126, 134, 255] {
        let ran = Task::new(&[&code.to_string()]).run(&program).await;
        match code {
            0 => drop(ran.succeeded()),
            _ => ran.ended(Terminal::Failed(Failure::Exit(code))),
        }
    }
}

#[tokio::test]
async fn a_component_exits_with_0_or_1() {
    let program = guest("exit-code");
    Task::new(&["0"]).run(&program).await.succeeded();
    Task::new(&["7"]).run(&program).await.ended(Terminal::Failed(Failure::Exit(1)));
}

#[tokio::test]
async fn a_trap_names_its_cause_and_place() {
    let program = command(
        r#"(memory (export "memory") 1)
           (func $inner unreachable)
           (func $outer call $inner)
           (func (export "_start") call $outer)"#,
    );
    let ran = Task::new(&[]).run(&program).await;
    assert_eq!(
        ran.trap(),
        "wasm trap: wasm `unreachable` instruction executed\n  at inner (+0x32)\n  at outer (+0x37)\n  at function 2 (+0x3c)"
    );
}

#[tokio::test]
async fn what_was_written_before_a_trap_is_kept() {
    for name in ["trap", "trap.p1"] {
        let ran = Task::new(&[]).run(&guest(name)).await;
        assert!(ran.trap().contains("unreachable"), "{}", ran.trap());
        assert_eq!(ran.stdout.text(), "before\n");
    }
}

#[tokio::test]
async fn cpu_time_is_counted() {
    let program = command(
        r#"(memory (export "memory") 1)
           (func (export "_start") (local $i i32)
             (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                                          (i32.const 30000000)))))"#,
    );
    let ran = Task::new(&[]).run(&program).await.succeeded();
    assert!(!ran.outcome.cpu.is_zero());
}

#[test]
fn engine_keys_differ_by_metering_and_level_alone() {
    let key = |metering, level| Runtime::engine_key(metering, level).unwrap();
    assert_eq!(key(Metering::Time, Level::Full), key(Metering::Time, Level::Full));
    assert_ne!(key(Metering::Time, Level::Full), key(Metering::Fuel, Level::Full));
    assert_ne!(key(Metering::Time, Level::Full), key(Metering::Time, Level::Quick));
}

#[test]
fn kinds_are_read_from_the_preamble() {
    assert_eq!(ProgramKind::detect(b"\0asm\x01\0\0\0rest"), Some(ProgramKind::Module));
    assert_eq!(ProgramKind::detect(b"\0asm\x0d\0\x01\0"), Some(ProgramKind::Component));
    for bytes in [&b""[..], b"\0asm", b"\0asm\x02\0\0\0", b"\x7fELF\x02\x01\x01\0\0\0", b"(module)  "] {
        assert_eq!(ProgramKind::detect(bytes), None);
    }
}
