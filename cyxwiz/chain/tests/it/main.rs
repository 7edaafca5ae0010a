//! The client and the `cyxwiz wallet` command against a real local chain. `./x test` says where its binary is.

mod cli;
mod flow;
mod restart;
mod send;
mod support;
mod watch;
