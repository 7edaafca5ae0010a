//! The sandbox's corpus of attacks as paid jobs: each ends as who pays has it, and the node is well after all of them.
//! That each is one where nothing holds it, the sandbox's own tests show.

/// A script of the sandbox's corpus.
macro_rules! attack {
    ($name:literal) => {
        include_str!(concat!("../../../../../cyxwiz/sandbox/tests/attacks/", $name, ".py"))
    };
}

mod kernel;
mod network;
mod resources;
mod ring;
mod signals;
