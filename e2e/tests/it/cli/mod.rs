//! The `vyr` command as people and scripts meet it.

mod errors;
mod forms;
mod full;
mod json;
mod run;
