mod disk_full;
mod kill;
mod receiver;
mod rotel;
