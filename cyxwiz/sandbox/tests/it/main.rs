//! Real containers in the engine that `CYXWIZ_DOCKER` names, of the image that `CYXWIZ_IMAGE_PYTHON` names: `./x test`
//! makes sure of both.

mod abuse;
mod egress;
mod lifecycle;
mod support;
