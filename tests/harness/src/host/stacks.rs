//! The stacks that the project ships, in `conf/pam.d`.

use crate::module::workspace;
use std::fs;
use std::path::PathBuf;

fn directory() -> PathBuf {
    workspace().join("conf/pam.d")
}

/// All of them: name and text.
///
/// # Panics
///
/// When they cannot be read.
#[track_caller]
pub fn all() -> Vec<(String, String)> {
    let entries = fs::read_dir(directory()).unwrap_or_else(|e| panic!("conf/pam.d: {e}"));
    let mut stacks: Vec<_> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .map(|name| (name.clone(), text(&name)))
        .collect();
    stacks.sort();
    stacks
}

/// One of them.
///
/// # Panics
///
/// When there is none of this name.
#[track_caller]
pub fn text(name: &str) -> String {
    let path = directory().join(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The stack of a service, with `authentik-fallback` instead of `authentik-alone`, for example.
///
/// # Panics
///
/// When the service has no line that includes `authentik-alone`.
#[track_caller]
pub fn with_way(service: &str, way: &str) -> String {
    let text = text(service);
    let line = |way: &str| format!("include         {way}\n");
    let default = line("authentik-alone");
    assert!(text.contains(&default), "conf/pam.d/{service}:\n{text}");
    text.replace(&default, &line(way))
}
