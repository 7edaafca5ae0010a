//! What was asked for, what is our goal, what was found, a row each.
//!
//! ```text
//! Results ─► buyers: what they wait for ─┐
//!       ├──► nodes: many, lost, new ─────┼─► Row, Row, … ─► table
//!       └──► money: ends and payments ───┘
//! ```

mod buyers;
mod money;
mod nodes;
mod row;

pub(super) use self::row::rows;
use self::row::{Row, plain, seconds};
