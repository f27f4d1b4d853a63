//! The engine of `authentik-flow`, which plays PAM stacks, against the real libpam: both play
//! random stacks.

// The engine is part of the command, which is a program, not a library.
#[allow(dead_code, missing_docs)]
#[path = "../../../../src/cli/stack/engine/mod.rs"]
mod engine;

mod random;
mod real;
mod same;
mod sets;
mod system;
