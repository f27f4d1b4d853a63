//! The fuzz targets: each takes bytes, and panics if a condition is violated. The fuzzers of
//! `fuzz/` only call these, so that lints and `make test` reach them too.

mod challenge;
mod configuration;
mod html;
mod link;
pub mod roots;
mod text;
mod wire;

pub use challenge::challenge;
pub use configuration::{arguments, configuration};
pub use html::html;
pub use link::{code, link};
pub use roots::roots;
pub use text::text;
pub use wire::{login_context, wire};

/// One login; see [`crate::play`].
pub fn state(bytes: &[u8]) {
    let _ = crate::play::play(bytes);
}

/// One login with security keys; see [`crate::key::play`].
pub fn key(bytes: &[u8]) {
    let _ = crate::key::play(bytes);
}

/// A target: its name, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets, by the names in `fuzz/fuzz_targets`.
pub const ALL: [Target; 12] = [
    ("arguments", arguments),
    ("challenge", challenge),
    ("code", code),
    ("configuration", configuration),
    ("html", html),
    ("key", key),
    ("link", link),
    ("login_context", login_context),
    ("roots", roots),
    ("state", state),
    ("text", text),
    ("wire", wire),
];
