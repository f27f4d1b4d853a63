//! The module, as it would be installed, through the real libpam against a
//! double of authentik.

mod access;
mod account;
mod bench;
mod configuration;
mod endings;
mod logins;
mod lookups;
mod manners;
mod name_servers;
mod outpost;
mod password_change;
mod refusals;
mod second_factor;
mod session;
mod stacks;
