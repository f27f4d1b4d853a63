//! Set-uid programs that put their caller into a network of the caller's making. There
//! the caller forges what counts as an unavailable authentik in sudo and su.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::files;

/// The programs that are known, each with its configuration. Another one may exist, so
/// their absence proves nothing.
const KNOWN: [(&str, &str); 2] = [
    ("usr/bin/firejail", "etc/firejail/firejail.config"),
    (
        "usr/local/bin/firejail",
        "usr/local/etc/firejail/firejail.config",
    ),
];

/// Lines of firejail's configuration, each of which keeps its callers out of such a
/// network, or out of sudo.
const HARMLESS: [[&str; 2]; 3] = [
    ["restricted-network", "yes"],
    ["network", "no"],
    ["force-nonewprivs", "yes"],
];

/// One that is installed under `root`.
pub(crate) fn find(root: &Path) -> Option<PathBuf> {
    KNOWN.iter().find_map(|(program, config)| {
        let program = root.join(program);
        let found = std::fs::metadata(&program).ok()?;
        let is_setuid = found.is_file() && found.uid() == 0 && found.mode() & 0o4000 != 0;
        let config = files::text(&root.join(config)).unwrap_or_default();
        let is_harmless = config.lines().any(|line| {
            let mut words = line.split_ascii_whitespace();
            let pair = [words.next(), words.next()];
            HARMLESS.iter().any(|known| known.map(Some) == pair)
        });
        (is_setuid && !is_harmless).then_some(program)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_set_uid_sandbox_is_found_unless_its_networks_are_roots() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        for folder in ["usr/bin", "etc/firejail"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        let program = root.join("usr/bin/firejail");
        let config = root.join("etc/firejail/firejail.config");
        assert_eq!(find(root), None);
        std::fs::write(&program, "").unwrap();
        for (mode, text, expected) in [
            (0o755, "", false),
            (0o4755, "", true),
            (
                0o4755,
                "# restricted-network yes\nrestricted-network no\n",
                true,
            ),
            (0o4755, "restricted-network yes\n", false),
            (0o4755, "network no\n", false),
            (0o4755, "force-nonewprivs yes\n", false),
        ] {
            std::fs::set_permissions(&program, PermissionsExt::from_mode(mode)).unwrap();
            std::fs::write(&config, text).unwrap();
            let found = find(root);
            assert_eq!(found.is_some(), expected, "{mode:o} {text}");
        }
    }
}
