use std::time::Duration;

use vyr_model::Limits;
use vyr_runtime::wasm::{CompileError, Compiler, CompilerOptions, Haste, Metering, Program, ProgramKind};

use crate::{
    compile::{compiler, huge_function, options, section},
    support::{Task, command, guest, load_code, wat},
};

/// Runs `attack` again and again while neighbours work; each neighbour has to succeed.
async fn with_neighbours(attack: impl AsyncFn()) {
    let echo = guest("echo");
    let neighbours = async {
        for round in 0..20_u32 {
            let bytes = round.to_le_bytes().repeat(2000);
            let ran = Task::new(&[]).stdin(bytes.clone()).run(&echo).await.succeeded();
            assert!(ran.stdout.bytes() == bytes);
            tokio::task::yield_now().await;
        }
    };
    let attacks = async {
        for _ in 0..3 {
            attack().await;
        }
    };
    tokio::join!(attacks, neighbours);
}

async fn attack_by(program: &Program, limits: impl Fn(&mut Limits)) {
    let ran = Task::new(&[]).limits(|l| limits(l)).run(program).await;
    assert_ne!(ran.outcome.terminal, vyr_model::Terminal::Succeeded);
}

#[tokio::test]
async fn neighbours_of_loops_bombs_and_floods_are_unharmed() {
    let loop_in_start = command(
        r#"(memory (export "memory") 1) (func $f (loop $l (br $l))) (start $f) (func (export "_start"))"#,
    );
    with_neighbours(async || attack_by(&loop_in_start, |l| l.cpu_time = Duration::from_millis(20)).await)
        .await;
    let spin = guest("spin");
    with_neighbours(async || attack_by(&spin, |l| l.cpu_time = Duration::from_millis(20)).await).await;
    let bomb = wat(r#"(module (memory (export "memory") 1) (memory $b 1) (memory $c 1)
             (func (export "_start") (loop $l
               (drop (memory.grow 0 (i32.const 64))) (drop (memory.grow $b (i32.const 64)))
               (br_if $l (i32.ne (memory.grow $c (i32.const 64)) (i32.const -1)))) unreachable))"#);
    with_neighbours(async || attack_by(&bomb, |_| ()).await).await;
    let flood = guest("flood");
    with_neighbours(async || attack_by(&flood, |l| l.stdout_bytes = 1 << 20).await).await;
    let deep = guest("deep-recursion");
    with_neighbours(async || attack_by(&deep, |_| ()).await).await;
}

#[tokio::test]
async fn neighbours_of_a_hopeless_compilation_are_unharmed() {
    let deadline = Duration::from_millis(200);
    let compiler = Compiler::new(CompilerOptions { deadline, ..options() });
    let wasm = huge_function(6 << 20);
    with_neighbours(async || {
        let error = compiler.compile(&wasm, Metering::Time, Haste::Full).await.unwrap_err();
        assert!(matches!(error, CompileError::Deadline { .. }), "{error:?}");
    })
    .await;
}

async fn compiles_and_runs(wasm: &[u8]) {
    let code = compiler().compile(wasm, Metering::Time, Haste::Full).await.unwrap();
    let program = load_code(&code, ProgramKind::detect(wasm).unwrap(), Metering::Time);
    Task::new(&[]).run(&program).await.succeeded();
}

#[tokio::test]
async fn ten_thousand_functions_compile_and_run() {
    let functions: String = (0..10_000).map(|i| format!("(func (result i32) i32.const {i})")).collect();
    let text = format!(r#"(module (memory (export "memory") 1) {functions} (func (export "_start")))"#);
    compiles_and_runs(&wat::parse_str(text).unwrap()).await;
}

#[tokio::test]
async fn thousands_of_exports_compile_and_run() {
    let exports: String = (0..20_000).map(|i| format!(r#"(export "{i}" (func $f))"#)).collect();
    let text =
        format!(r#"(module (memory (export "memory") 1) (func $f) {exports} (func (export "_start")))"#);
    compiles_and_runs(&wat::parse_str(text).unwrap()).await;
}

#[tokio::test]
async fn a_huge_custom_section_is_carried_along_or_left_out() {
    let mut wasm =
        wat::parse_str(r#"(module (memory (export "memory") 1) (func (export "_start")))"#).unwrap();
    let plain = compiler().compile(&wasm, Metering::Time, Haste::Full).await.unwrap();
    let mut content = b"\x01x".to_vec();
    content.resize(32 << 20, 0x5a);
    section(&mut wasm, 0, &content);
    let code = compiler().compile(&wasm, Metering::Time, Haste::Full).await.unwrap();
    assert!(code.len() < plain.len() + 4096, "{} bytes grew to {}", plain.len(), code.len());
    compiles_and_runs(&wasm).await;
}

#[tokio::test]
async fn a_flood_of_custom_sections_is_no_hindrance() {
    let mut wasm =
        wat::parse_str(r#"(module (memory (export "memory") 1) (func (export "_start")))"#).unwrap();
    for _ in 0..100_000 {
        section(&mut wasm, 0, b"\x01x");
    }
    compiles_and_runs(&wasm).await;
}

#[tokio::test]
async fn deeply_nested_blocks_give_code_or_a_reason() {
    let mut code = vec![0];
    code.extend([0x02, 0x40].repeat(50_000));
    code.extend([0x0b].repeat(50_001));
    let wasm = crate::compile::with_body(&code);
    match compiler().compile(&wasm, Metering::Time, Haste::Full).await {
        Ok(_) | Err(CompileError::Invalid(_) | CompileError::Memory { .. } | CompileError::Crashed(_)) => {}
        Err(other) => panic!("{other:?}"),
    }
}
