//! Turns `proto/cyxwiz` into Rust with no compiler but cargo's own (protox parses, connectrpc generates).

use std::{env, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    let files = [
        "cyxwiz/v1/auth_service.proto",
        "cyxwiz/v1/errors.proto",
        "cyxwiz/v1/job.proto",
        "cyxwiz/v1/job_service.proto",
        "cyxwiz/v1/node_service.proto",
        "cyxwiz/v1/payment_service.proto",
        "cyxwiz/v1/price.proto",
    ];
    println!("cargo::rerun-if-changed={}", root.join("cyxwiz").display());

    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_source_info(true).include_imports(true).open_files(files)?;
    let descriptors = PathBuf::from(env::var("OUT_DIR")?).join("descriptors.binpb");
    fs::write(&descriptors, compiler.encode_file_descriptor_set())?;

    // JSON is for people: a field that does not exist is a typing mistake, not a newer client
    let mut codegen = connectrpc_build::CodeGenConfig::default();
    codegen.message_attributes.push((".cyxwiz.v1".into(), "#[serde(deny_unknown_fields)]".into()));

    connectrpc_build::Config::new()
        .buffa_config(codegen)
        .generate_json(true)
        .descriptor_set(&descriptors)
        // it would name the descriptors, which are newer than this run's beginning: then every build is a new one
        .emit_rerun_directives(false)
        .files(&files)
        .include_file("cyxwiz_proto.rs")
        .compile()?;
    Ok(())
}
