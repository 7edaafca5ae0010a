//! Real containers in the engine that `CYXWIZ_DOCKER` names, of the image that `CYXWIZ_IMAGE_PYTHON` names: `./x test`
//! makes sure of both.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where its assumption does")]

mod abuse;
mod egress;
mod lifecycle;
mod support;
mod task;
