//! One row of the goals a file.

mod chain;
mod earnings;
mod first_line;
mod installs;
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
    earnings::{Earnings, earnings},
    first_line::{FirstLine, first_line},
    installs::{Install, Installs, installs},
    lost::{Lost, lost},
    placements::Placements,
    scale::{Scale, scale},
    screen::{Screen, screen},
    settlements::{Settlements, settlements},
    start::{Start, start},
    success::{Success, success},
};
