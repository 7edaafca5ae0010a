//! One row of the goals a file.

mod chain;
mod first_line;
mod lost;
mod placements;
mod scale;
mod screen;
mod settlements;
mod start;
mod success;
mod timeline;

pub(super) use self::{
    chain::{Chain, chain},
    first_line::{FirstLine, first_line},
    lost::{Lost, lost},
    placements::Placements,
    scale::{Scale, scale},
    screen::{Screen, screen},
    settlements::{Settlements, settlements},
    start::{Start, start},
    success::{Success, success},
};
