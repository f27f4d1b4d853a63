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

/// The text of a job, from its name to the next job.
fn job(file: &str, name: &str) -> String {
    let text = read(&root().join(".github/workflows").join(file));
    let jobs = text.split("\njobs:\n").nth(1).expect("jobs");
    let start = format!("\n  {name}:\n");
    let jobs = format!("\n{jobs}");
    let behind = jobs.split(&start).nth(1).expect("the job");
    let is_of_job = |line: &&str| line.is_empty() || line.starts_with("   ");
    let lines: Vec<&str> = behind.lines().take_while(is_of_job).collect();
    lines.join("\n")
}

/// `fedora:latest` is another compiler next year.
fn has_version(image: &str) -> bool {
    image.split_once(':').is_some_and(|(name, tag)| {
        let version = tag.split(['-', '@']).next().unwrap_or_default();
        let parts = version.split('.').count();
        let least = match name {
            "rust" => 3,
            "alpine" => 2,
            _ => 1,
        };
        parts >= least
            && version
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.')
    })
}

#[test]
fn every_image_is_named_by_its_version() {
    // They release nothing, and follow what is newest on purpose.
    let newest = [
        ("weekly.yml", "rust:1-bookworm"),
        ("ci.yml", "archlinux:base-devel"),
    ];
    let mut count = 0;
    for (path, text) in workflows() {
        for line in text.lines().map(str::trim_start) {
            let image = line
                .strip_prefix("container: ")
                .or_else(|| line.strip_prefix("image: "));
            let Some(image) = image else { continue };
            let is_newest = |(file, name): &(&str, &str)| path.ends_with(file) && image == *name;
            assert!(
                has_version(image) || newest.iter().any(is_newest),
                "{path}: {image}"
            );
            count += 1;
        }
    }
    assert!(count > 8, "{count} images");
    for image in [
        "fedora:latest",
        "rust:1-bookworm",
        "rust:1.95-bookworm",
        "alpine:3",
        "fedora",
    ] {
        assert!(!has_version(image), "{image}");
    }
}

/// A test could change the file that it is about to praise.
#[test]
fn no_test_runs_where_a_released_file_is_built() {
    for (file, name) in [("release.yml", "build"), ("ci.yml", "rpm")] {
        let text = job(file, name);
        assert!(
            text.contains("upload-artifact@") && text.contains("sha256sum"),
            "{text}"
        );
        for line in text.lines() {
            for word in ["make test", "scripts/test", "lint", "dnf install -y target"] {
                assert!(!line.contains(word), "{file}: {name}: {line}");
            }
        }
    }
    // The tests and the draft compare what they get with what was built.
    let draft = job("release.yml", "draft");
    assert!(draft.contains("needs: [ci, build, test]"), "{draft}");
    for sums in [
        "build.outputs.amd64",
        "build.outputs.arm64",
        "build.outputs.armhf",
        "ci.outputs.rpm",
    ] {
        assert!(draft.contains(&format!("needs.{sums}")), "{sums}: {draft}");
    }
    for (file, name) in [("release.yml", "test"), ("ci.yml", "test-rpm")] {
        let text = job(file, name);
        assert!(text.contains("sha256sum --check --strict"), "{text}");
        assert!(!text.contains("upload-artifact@"), "{text}");
    }
}

/// Only a run that a person has approved gets the key, and none publishes without it.
#[test]
fn the_key_of_a_release_is_protected() {
    let draft = job("release.yml", "draft");
    assert!(draft.contains("\n    environment: release\n"), "{draft}");
    let behind = draft.split("[ -z \"$KEY\" ]").nth(1).expect("a check");
    let branch = behind.split("fi\n").next().unwrap_or_default();
    assert!(
        branch.contains("exit 1") && !branch.contains("exit 0"),
        "{branch}"
    );
    for (path, text) in workflows() {
        let all = text.matches("secrets.").count();
        let here = if path.ends_with("release.yml") {
            draft.matches("secrets.").count()
        } else {
            0
        };
        assert_eq!(all, here, "{path}: a secret outside of the draft");
    }
}
