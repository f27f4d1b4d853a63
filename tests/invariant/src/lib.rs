//! Arbitrary servers and people against the module: what proptest plays in
//! `make test`, and what the fuzzers of `fuzz/` play for longer.
//!
//! [`play`] runs one login through [`pam_authentik_flow::login::prove`] and holds
//! it against the one invariant: **no `Verified` without a final redirect, then
//! a users/me of that session with exactly the right, active user of an allowed
//! type, not impersonated, a secret accepted on the way, and the rules of
//! access passed.** What "right" means is decided in [`model`], which knows
//! nothing of the module. [`targets`] holds what is fuzzed besides.

pub mod choices;
pub mod json;
pub mod key;
pub mod log;
pub mod model;
pub mod person;
pub mod play;
pub mod rules;
pub mod seeds;
pub mod server;
pub mod stages;
pub mod targets;

/// Whether a terminal would obey this character, or a reader be deceived by it:
/// control characters, and those that turn or hide what stands around them.
#[must_use]
pub fn unseen(c: char) -> bool {
    let code = u32::from(c);
    code < 0x20
        || (0x7f..=0x9f).contains(&code)
        // Directions: marks, embeddings, overrides, isolates.
        || [0x61c, 0x200e, 0x200f].contains(&code)
        || (0x202a..=0x202e).contains(&code)
        || (0x2066..=0x2069).contains(&code)
        // Other ends of a line.
        || [0x2028, 0x2029].contains(&code)
        // Of no width: joiners, byte order marks, tags.
        || (0x200b..=0x200d).contains(&code)
        || [0x2060, 0xfeff].contains(&code)
        || (0xe0000..=0xe007f).contains(&code)
}
