//! The command `authentik-flow`, as it would be installed, against a double of
//! authentik.

mod bench;
mod bind;
mod check;
mod config;
mod enrol_host;
mod explain;
mod extent;
mod local_login;
mod login;
mod login_shells;
mod metrics;
mod pages;
mod people;
mod safety;
mod site;
mod sshd_settings;
mod stacks;
mod status;
mod switch;
mod trial;
mod way_back;
mod words;
