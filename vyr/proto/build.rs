//! Turns `proto/` into Rust with no compiler but cargo's own (protox parses, connectrpc generates).

use std::{env, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    let files = [
        "vyr/control/v0/artifact.proto",
        "vyr/control/v0/control_service.proto",
        "vyr/control/v0/errors.proto",
        "vyr/control/v0/metrics.proto",
        "vyr/control/v0/state.proto",
        "vyr/control/v0/task.proto",
        "vyr/control/v0/traces.proto",
        "vyr/record/v1/record.proto",
    ];
    println!("cargo::rerun-if-changed={}", root.display());

    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_source_info(true).include_imports(true).open_files(files)?;
    let descriptors = PathBuf::from(env::var("OUT_DIR")?).join("descriptors.binpb");
    fs::write(&descriptors, compiler.encode_file_descriptor_set())?;

    // JSON is for people: a field that does not exist is a typing mistake, not a newer client
    let mut codegen = connectrpc_build::CodeGenConfig::default();
    codegen.message_attributes.push((".vyr.control".into(), "#[serde(deny_unknown_fields)]".into()));

    connectrpc_build::Config::new()
        .buffa_config(codegen)
        .generate_json(true)
        .descriptor_set(&descriptors)
        // it would name the descriptors, which are newer than this run's beginning: then every build is a new one
        .emit_rerun_directives(false)
        .files(&files)
        .include_file("vyr_proto.rs")
        .compile()?;
    Ok(())
}
