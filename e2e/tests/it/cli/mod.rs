//! The `vyr` command as people and scripts meet it.

mod conformance;
mod doctor;
mod errors;
mod forms;
mod full;
mod gc;
mod http;
mod json;
mod run;
mod streams;
mod told;
