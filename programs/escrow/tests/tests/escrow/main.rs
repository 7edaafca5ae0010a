//! The built program, in a chain in memory.

mod attacks;
mod cases;
mod costs;
mod endings;
mod fuzz;
mod negative;
mod paths;
mod requests;
mod settings;
mod tokens;
