//! The engine of `authentik-flow`, which plays PAM stacks through, against the real
//! libpam: random stacks, played by both.

// The engine is part of the command, which is a program and no library.
#[allow(dead_code, missing_docs)]
#[path = "../../../../src/cli/stack/engine/mod.rs"]
mod engine;

mod random;
mod real;
mod same;
mod sets;
mod system;
