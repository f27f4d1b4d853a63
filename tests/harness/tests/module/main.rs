//! The module, as it would be installed, through the real libpam against a
//! double of authentik.

mod bench;
mod configuration;
mod endings;
mod logins;
mod manners;
mod name_servers;
mod refusals;
mod second_factor;
