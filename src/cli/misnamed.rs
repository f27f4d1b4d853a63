//! Files beside the drop-ins that were probably meant to be drop-ins.

use std::path::{Path, PathBuf};

use pam_authentik_flow::config::{drop_in_directory, is_drop_in};

/// What such a file needs, for a message.
pub(super) const REMEDY: &str =
    "rename it: before .toml a name has only letters, digits, - and _; the module ignores others";

/// The files beside the configuration file `config` that end in `.toml` and are no drop-ins
/// because of the rest of their names, such as `50-web.example.com.toml`. Hidden files and
/// those of editors (`#50-site.toml#`) are left out. A directory that cannot be read has none.
pub(super) fn misnamed(config: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(drop_in_directory(config)).into_iter();
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let is_toml = name.to_ascii_lowercase().ends_with(".toml");
            is_toml && !name.starts_with(['.', '#']) && !is_drop_in(&name)
        })
        .collect();
    found.sort();
    found
}
