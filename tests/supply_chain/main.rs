//! The crates of the module, and rules for its source. Nothing here needs a network: `make
//! deny` also checks advisories.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test says so by ending, and asks cargo"
)]

mod crates;
mod packages;
mod source;
mod workflows;
