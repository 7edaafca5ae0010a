//! Test guests that import more than plain `wasi:cli`: components only.

/// Bindings to `wasi:keyvalue`.
#[expect(
    unsafe_code,
    missing_docs,
    reason = "generated: the ABI of the component model"
)]
pub mod bindings {
    wit_bindgen::generate!({ path: "../wit", world: "vyr:guests/stateful", generate_all });
}
