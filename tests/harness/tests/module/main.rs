//! The module, as it would be installed, through the real libpam against a
//! double of authentik.

mod access;
mod account;
mod bench;
mod binding;
mod caches;
mod configuration;
mod domains;
mod drop_ins;
mod endings;
mod enrolment;
mod forms;
mod guessing;
mod host_proof;
mod key_enrolment;
mod languages;
mod late;
mod logins;
mod lookups;
mod manners;
mod menu;
mod name_servers;
mod once;
mod outpost;
mod passages;
mod password_change;
mod progress;
mod python;
mod query;
mod refusals;
mod second_factor;
mod security_keys;
mod session;
mod stacks;
mod tricks;
