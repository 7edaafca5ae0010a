mod damage;
mod history;
mod join;
mod lifecycle;
mod model;
mod retention;
mod torn;
