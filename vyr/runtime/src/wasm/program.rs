use vyr_model::Failure;
use wasmtime::{
    Engine, ExternType, InstancePre, Module,
    component::{Component, types::ComponentItem},
};
use wasmtime_wasi::p2::bindings::CommandPre;

use super::{
    engine::{EngineError, Metering, RuntimeError},
    host::{ComponentHost, ModuleHost},
    linker::{GIVEN_TO_COMPONENTS, GIVEN_TO_MODULES, is_given_to_components},
    runtime::Runtime,
};

/// A core module's entry point.
pub(crate) const START: &str = "_start";
/// A component's entry point, whatever the patch of its version.
const RUN: &str = "wasi:cli/run@0.2.";

/// What kind of Wasm some bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProgramKind {
    /// A component.
    Component,
    /// A core module.
    Module,
}

impl ProgramKind {
    /// Reads the kind from the first bytes of `wasm`; `None` when it is no Wasm of a known version.
    pub fn detect(wasm: &[u8]) -> Option<Self> {
        match wasm.first_chunk()? {
            b"\0asm\x0d\0\x01\0" => Some(Self::Component),
            b"\0asm\x01\0\0\0" => Some(Self::Module),
            _ => None,
        }
    }

    /// Returns the name used on the compile child's command line and on screen.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Component => "component",
            Self::Module => "module",
        }
    }
}

/// A program that is ready to run: its code in memory, its imports resolved.
pub struct Program {
    metering: Metering,
    linked: Linked,
}

pub(crate) enum Linked {
    Component(CommandPre<ComponentHost>),
    Module(InstancePre<ModuleHost>),
}

/// Compiled code could not be made a [`Program`].
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The code is not of this engine, or asks for more than a guest may have.
    #[error("the compiled {} does not load", kind.as_str())]
    Code {
        /// What it was to be.
        kind: ProgramKind,
        /// wasmtime's reason.
        #[source]
        source: EngineError,
    },
    /// The program imports what this host does not give.
    #[error("the program imports {}, which this host does not give; it gives {given}", list(names))]
    MissingImports {
        /// The imports' names, in the program's order.
        names: Vec<String>,
        /// What the host gives to programs of this kind.
        given: &'static str,
    },
    /// An import or export has another type than the host's.
    #[error("the program does not link")]
    Link(#[source] EngineError),
    /// The program has no entry point: it is a library.
    #[error("the program is no command: a {} needs to export {export}", kind.as_str())]
    NotACommand {
        /// What it is.
        kind: ProgramKind,
        /// The entry point that is missing.
        export: &'static str,
    },
    /// The engine could not be set up.
    #[error(transparent)]
    Engine(#[from] RuntimeError),
}

impl LoadError {
    /// Returns the terminal reason of a task whose program does not load.
    pub fn failure(&self) -> Failure {
        let mut text = self.to_string();
        match self {
            Self::Code { source, .. } | Self::Link(source) => text = format!("{text}: {source}"),
            Self::Engine(_) => return Failure::Internal(text),
            Self::MissingImports { .. } | Self::NotACommand { .. } => {}
        }
        Failure::Link(text)
    }
}

/// Names in one error text; a program may import thousands.
const LISTED: usize = 16;

fn list(names: &[String]) -> String {
    let shown: Vec<_> = names.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(LISTED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

impl Program {
    /// Returns how the program's use of the processor is bounded.
    pub fn metering(&self) -> Metering {
        self.metering
    }

    /// Returns what kind of Wasm the program was.
    pub fn kind(&self) -> ProgramKind {
        match self.linked {
            Linked::Component(_) => ProgramKind::Component,
            Linked::Module(_) => ProgramKind::Module,
        }
    }

    pub(crate) fn linked(&self) -> &Linked {
        &self.linked
    }

    pub(crate) fn engine(&self) -> &Engine {
        match &self.linked {
            Linked::Component(command) => command.engine(),
            Linked::Module(module) => module.module().engine(),
        }
    }
}

impl Runtime {
    /// Makes compiled code a program: maps it and resolves its imports.
    ///
    /// # Errors
    /// The code is of another engine, or the program lacks an entry point or imports what the host does not give.
    ///
    /// # Safety
    /// `code` must be, byte for byte, what [`super::compile`] or a [`super::Compiler`] returned for the same
    /// `kind` and `metering`: it is machine code that will be run. The caller has to have authenticated these
    /// very bytes.
    #[expect(unsafe_code, reason = "compiled code is trusted as such: the caller vouches for it")]
    pub unsafe fn load(
        &self,
        code: &[u8],
        kind: ProgramKind,
        metering: Metering,
    ) -> Result<Program, LoadError> {
        let variant = self.variant(metering)?;
        let refused = |error| LoadError::Code { kind, source: EngineError(error) };
        let linked = match kind {
            ProgramKind::Component => {
                // SAFETY: the caller's promise is the one that wasmtime asks for.
                let component = unsafe { Component::deserialize(&variant.engine, code) }.map_err(refused)?;
                let pre = variant.components.instantiate_pre(&component);
                let pre = pre.map_err(|error| component_refusal(&component, error))?;
                Linked::Component(CommandPre::new(pre).map_err(|error| no_command(&component, error))?)
            }
            ProgramKind::Module => {
                // SAFETY: as above.
                let module = unsafe { Module::deserialize(&variant.engine, code) }.map_err(refused)?;
                check_start(&module)?;
                let pre = variant.modules.instantiate_pre(&module);
                Linked::Module(pre.map_err(|error| module_refusal(&module, error))?)
            }
        };
        Ok(Program { metering, linked })
    }
}

fn component_refusal(component: &Component, error: wasmtime::Error) -> LoadError {
    let ty = component.component_type();
    let names = ty.imports(component.engine()).map(|(name, _)| name);
    let missing: Vec<_> = names.filter(|name| !is_given_to_components(name)).map(str::to_owned).collect();
    refusal(missing, GIVEN_TO_COMPONENTS, error)
}

fn module_refusal(module: &Module, error: wasmtime::Error) -> LoadError {
    let missing = module.imports().filter(|import| import.module() != GIVEN_TO_MODULES);
    let missing = missing.map(|import| format!("{}::{}", import.module(), import.name())).collect();
    refusal(missing, GIVEN_TO_MODULES, error)
}

fn refusal(names: Vec<String>, given: &'static str, error: wasmtime::Error) -> LoadError {
    if names.is_empty() {
        LoadError::Link(EngineError(error))
    } else {
        LoadError::MissingImports { names, given }
    }
}

fn no_command(component: &Component, error: wasmtime::Error) -> LoadError {
    let ty = component.component_type();
    let exported = ty
        .exports(component.engine())
        .any(|(name, item)| name.starts_with(RUN) && matches!(item.ty, ComponentItem::ComponentInstance(_)));
    if exported {
        return LoadError::Link(EngineError(error));
    }
    LoadError::NotACommand { kind: ProgramKind::Component, export: "`wasi:cli/run@0.2`" }
}

fn check_start(module: &Module) -> Result<(), LoadError> {
    let is_command = matches!(
        module.get_export(START),
        Some(ExternType::Func(start)) if start.params().len() == 0 && start.results().len() == 0
    );
    if is_command {
        return Ok(());
    }
    Err(LoadError::NotACommand {
        kind: ProgramKind::Module,
        export: "`_start`, without parameters and results",
    })
}
