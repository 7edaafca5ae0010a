use vyr_model::Failure;
use vyr_runtime::wasm::{LoadError, Metering, Program, ProgramKind, compile};

use crate::support::runtime;

fn try_load(text: &str) -> Result<Program, LoadError> {
    let wasm = wat::parse_str(text).unwrap();
    let code = compile(&wasm, Metering::Time).unwrap();
    let kind = ProgramKind::detect(&wasm).unwrap();
    #[expect(unsafe_code, reason = "the code comes from the lines above")]
    // SAFETY: `code` was compiled right here.
    unsafe {
        runtime().load(&code, kind, Metering::Time)
    }
}

fn refusal(text: &str) -> String {
    let error = try_load(text).err().expect("it does not link");
    match error.failure() {
        Failure::Link(text) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn missing_imports_of_a_component_are_named() {
    let said = refusal(
        r#"(component
          (import "wasi:cli/environment@0.2.0" (instance))
          (import "acme:gpu/device@1.0.0" (instance (export "open" (func))))
          (import "wasi:nn/tensor@0.2.0-rc-2024" (instance (export "x" (func)))))"#,
    );
    assert!(
        said.starts_with(
            "the program imports `acme:gpu/device@1.0.0`, `wasi:nn/tensor@0.2.0-rc-2024`, which this host does not give; it gives wasi:cli,"
        ),
        "{said}"
    );
}

#[test]
fn missing_imports_of_a_module_are_named() {
    let said =
        refusal(r#"(module (import "env" "f" (func)) (import "env" "g" (func)) (func (export "_start")))"#);
    assert_eq!(
        said,
        "the program imports `env::f`, `env::g`, which this host does not give; it gives wasi_snapshot_preview1"
    );
    let said =
        refusal(r#"(module (import "wasi_snapshot_preview1" "fd_fly" (func)) (func (export "_start")))"#);
    assert!(said.contains("fd_fly"), "{said}");
}

#[test]
fn thousands_of_missing_imports_make_a_short_text() {
    let imports: String = (0..5000).map(|i| format!(r#"(import "env" "f{i}" (func))"#)).collect();
    let said = refusal(&format!(r#"(module {imports} (func (export "_start")))"#));
    assert!(said.contains("and 4984 more") && said.len() < 500, "{said}");
}

#[test]
fn a_wrong_type_is_refused() {
    let said = refusal(
        r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i64))) (func (export "_start")))"#,
    );
    assert!(said.starts_with("the program does not link: ") && said.contains("proc_exit"), "{said}");
}

#[test]
fn libraries_are_no_commands() {
    assert_eq!(
        refusal("(component)"),
        "the program is no command: a component needs to export `wasi:cli/run@0.2`"
    );
    for module in ["(module)", r#"(module (func (export "_start") (param i32)))"#] {
        assert_eq!(
            refusal(module),
            "the program is no command: a module needs to export `_start`, without parameters and results"
        );
    }
}

#[test]
fn more_memories_than_a_guest_may_have_are_refused() {
    let memories = "(memory 1)".repeat(9);
    let said = refusal(&format!(r#"(module {memories} (func (export "_start")))"#));
    assert!(said.starts_with("the compiled module does not load: "), "{said}");
}

#[test]
fn code_of_the_other_metering_or_kind_does_not_load() {
    let wasm = wat::parse_str(r#"(module (func (export "_start")))"#).unwrap();
    let code = compile(&wasm, Metering::Fuel).unwrap();
    for (kind, metering) in [(ProgramKind::Module, Metering::Time), (ProgramKind::Component, Metering::Fuel)]
    {
        #[expect(unsafe_code, reason = "the code comes from the lines above")]
        // SAFETY: `code` was compiled right here; that the engine notices the difference is what is tested.
        let loaded = unsafe { runtime().load(&code, kind, metering) };
        assert!(matches!(loaded, Err(LoadError::Code { .. })));
    }
}
