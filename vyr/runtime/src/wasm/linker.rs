use wasmtime::{Engine, Linker as ModuleLinker, component::Linker as ComponentLinker};

use super::{
    fs,
    host::{ComponentHost, ModuleHost},
    keyvalue, preview1,
};

/// What a component may import, for the text of a refusal.
pub(crate) const GIVEN_TO_COMPONENTS: &str = "wasi:cli, wasi:clocks, wasi:filesystem, wasi:io, wasi:random and wasi:sockets @0.2; \
     wasi:http/types and /outgoing-handler @0.2; wasi:keyvalue/store, /atomics and /batch @0.2.0-draft2";
/// What a core module may import, for the text of a refusal.
pub(crate) const GIVEN_TO_MODULES: &str = "wasi_snapshot_preview1";

/// Links everything that a component may import. What it may *reach* is a matter of grants.
pub(crate) fn for_components(engine: &Engine) -> wasmtime::Result<ComponentLinker<ComponentHost>> {
    let mut linker = ComponentLinker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    keyvalue::link(&mut linker)?;
    fs::meter(&mut linker)?;
    Ok(linker)
}

/// Links everything that a core module may import.
pub(crate) fn for_modules(engine: &Engine) -> wasmtime::Result<ModuleLinker<ModuleHost>> {
    let mut linker = ModuleLinker::new(engine);
    preview1::link(&mut linker)?;
    Ok(linker)
}

/// Packages that are given whole at 0.2, by their interfaces.
const GIVEN: &[(&str, &str)] = &[
    ("wasi:cli/", "@0.2."),
    ("wasi:clocks/", "@0.2."),
    ("wasi:filesystem/", "@0.2."),
    ("wasi:io/", "@0.2."),
    ("wasi:random/", "@0.2."),
    ("wasi:sockets/", "@0.2."),
    ("wasi:http/types", "@0.2."),
    ("wasi:http/outgoing-handler", "@0.2."),
    ("wasi:keyvalue/store", "@0.2.0-draft2"),
    ("wasi:keyvalue/atomics", "@0.2.0-draft2"),
    ("wasi:keyvalue/batch", "@0.2.0-draft2"),
];

/// Tells whether an import's name is one that the host gives, for the text of a refusal.
pub(crate) fn is_given_to_components(name: &str) -> bool {
    GIVEN.iter().any(|(prefix, version)| name.strip_prefix(prefix).is_some_and(|rest| rest.contains(version)))
}
