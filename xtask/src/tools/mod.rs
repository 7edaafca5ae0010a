//! Tools that the verbs need, each installed once, when first asked for, at a pinned version.

pub(crate) mod apt;
pub(crate) mod debian;
pub(crate) mod npm;
pub(crate) mod python;
pub(crate) mod rust;
pub(crate) mod s3;
pub(crate) mod wasmtime;
