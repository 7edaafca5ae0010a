mod damage;
mod history;
mod lifecycle;
mod model;
mod retention;
mod torn;
