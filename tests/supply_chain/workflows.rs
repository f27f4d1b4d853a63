//! The workflows for GitHub: each action is pinned by the hash of its commit, because a tag can
//! be moved.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn workflows() -> Vec<(String, String)> {
    let folder = root().join(".github/workflows");
    let files = std::fs::read_dir(folder).expect("the workflows");
    files
        .map(|file| file.expect("a workflow").path())
        .map(|path| (path.display().to_string(), read(&path)))
        .collect()
}

/// A `uses:` names something in this repository, or is pinned by a commit, with the version
/// after it for people and for dependabot.
fn is_pinned(uses: &str) -> bool {
    if uses.starts_with("./") {
        return true;
    }
    let Some((action, version)) = uses.split_once(" # v") else {
        return false;
    };
    let commit = action.split_once('@').map_or("", |(_, commit)| commit);
    commit.len() == 40
        && commit.bytes().all(|byte| byte.is_ascii_hexdigit())
        && version.starts_with(|sign: char| sign.is_ascii_digit())
}

#[test]
fn every_action_is_pinned_by_its_commit() {
    let mut count = 0;
    for (path, text) in workflows() {
        for line in text.lines() {
            let line = line.trim_start().trim_start_matches("- ");
            let Some(uses) = line.strip_prefix("uses: ") else {
                continue;
            };
            assert!(is_pinned(uses), "{path}: {uses}");
            count += 1;
        }
    }
    assert!(count > 8, "{count} actions");
    assert!(!is_pinned("actions/checkout@v5"));
    assert!(!is_pinned(
        "actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8"
    ));
}
