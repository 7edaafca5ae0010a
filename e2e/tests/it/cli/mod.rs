//! The `vyr` command as people and scripts meet it.

mod errors;
mod forms;
mod full;
mod gc;
mod json;
mod run;
