//! What the module is made of, and what its source does not do. Nothing here
//! needs a network: `make deny` asks for advisories, too.

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
