//! The command `authentik-flow`, as it would be installed, against a double of
//! authentik.

mod bench;
mod bind;
mod check;
mod config;
mod explain;
mod extent;
mod login;
mod login_shells;
mod pages;
mod people;
mod safety;
mod stacks;
mod status;
mod switch;
mod words;
