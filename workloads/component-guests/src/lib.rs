//! Test guests that import more than plain `wasi:cli`: components only.

/// Bindings to `wasi:keyvalue`.
#[expect(missing_docs, reason = "generated from the WIT")]
pub mod bindings {
    wit_bindgen::generate!({ path: "../wit", world: "vyr:guests/stateful", generate_all });
}

/// Bindings to the exit of `wasi:cli` that takes a code.
#[expect(missing_docs, reason = "generated from the WIT")]
pub mod exits {
    wit_bindgen::generate!({ path: "../wit", world: "vyr:guests/exits", generate_all });
}
