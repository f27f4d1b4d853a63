//! Checks that the patches in this folder, and the tests named in docs/security, fit the
//! source.
//!
//! `make break-rules` applies each patch of this folder and checks that its tests fail. That
//! takes too long for every day. Here we check that the patches still apply, and that their
//! tests exist.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test says so by ending, and asks git"
)]

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How many of the rules in SECURITY.md there are.
const RULES: u32 = 10;

/// The kinds of test, and their folders.
const KINDS: [(&str, &str); 9] = [
    ("src", "src"),
    ("supply_chain", "tests/supply_chain"),
    ("manuals", "tests/manuals"),
    ("invariant", "tests/invariant/tests"),
    ("module", "tests/harness/tests/module"),
    ("hostile", "tests/harness/tests/hostile"),
    ("hosts", "tests/harness/tests/hosts"),
    ("command", "tests/harness/tests/command"),
    ("fuzz", "fuzz/fuzz_targets"),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Records a test that could not run here, for the count of `make test`.
fn skip(test: &str, reason: &str) {
    let beside = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../tests-skipped.txt");
    let file = std::env::var_os("PAM_HARNESS_SKIPPED").map_or(beside, PathBuf::from);
    let mut file = File::options()
        .append(true)
        .create(true)
        .open(file)
        .expect("the list of skipped tests");
    file.write_all(format!("{test}\t{reason}\n").as_bytes())
        .expect("a line in it");
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A patch that breaks a rule in one place.
struct Break {
    path: PathBuf,
    rule: u32,
    clause: String,
    broken: String,
    /// Kind and name.
    tests: Vec<(String, String)>,
}

impl Break {
    fn read(path: PathBuf) -> Break {
        let text = read(&path);
        let head = text.split("\n--- ").next().unwrap_or_default();
        let all = |key: &str| -> Vec<String> {
            let key = format!("{key}: ");
            let values = head.lines().filter_map(|line| line.strip_prefix(&key));
            values.map(str::to_owned).collect()
        };
        let one = |key: &str| match all(key).as_slice() {
            [value] => value.clone(),
            other => panic!("{}: {key}: {other:?}", path.display()),
        };
        let tests: Vec<_> = all("Test")
            .iter()
            .filter_map(|test| test.split_once(' '))
            .map(|(kind, name)| (kind.to_owned(), name.to_owned()))
            .collect();
        let rule = one("Rule").parse().expect("a number");
        let name = path.file_name().expect("a name").to_string_lossy();
        assert!(name.starts_with(&format!("{rule}-")), "{name}: rule {rule}");
        assert!(!tests.is_empty(), "{name} names no test");
        Break {
            rule,
            clause: one("Clause"),
            broken: one("Broken"),
            tests,
            path,
        }
    }

    /// Its lines in the table of docs/security/rules.md.
    fn rows(&self) -> Vec<String> {
        let mut begin = format!("| {} | {} | {} |", self.rule, self.clause, self.broken);
        let mut rows = Vec::new();
        for (kind, name) in &self.tests {
            rows.push(format!("{begin} {kind} `{name}` |"));
            "| | | |".clone_into(&mut begin);
        }
        rows
    }
}

fn breaks() -> Vec<Break> {
    let folder = root().join("tests/rules");
    let entries = std::fs::read_dir(&folder).expect("the folder of breaks");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a break").path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "patch"))
        .collect();
    paths.sort();
    let mut breaks: Vec<Break> = paths.into_iter().map(Break::read).collect();
    // By name, rule 10 would come before rule 2.
    breaks.sort_by_key(|one| one.rule);
    breaks
}

fn collect(path: &Path, text: &mut String) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).expect("a folder") {
            collect(&entry.expect("an entry").path(), text);
        }
    } else if path.extension().is_some_and(|kind| kind == "rs") {
        text.push_str(&read(path));
    }
}

/// Whether a test of this kind and name exists.
fn exists(kind: &str, name: &str) -> bool {
    let Some((_, place)) = KINDS.iter().find(|(known, _)| *known == kind) else {
        return false;
    };
    let place = root().join(place);
    if kind == "fuzz" {
        return place.join(format!("{name}.rs")).is_file();
    }
    let mut text = String::new();
    collect(&place, &mut text);
    text.split("#[test]").skip(1).any(|behind| {
        let function = behind.split('{').next().unwrap_or_default();
        function.contains(&format!("fn {name}()"))
    })
}

#[test]
fn every_rule_is_broken_by_a_patch_that_applies() {
    let breaks = breaks();
    let rules: BTreeSet<u32> = breaks.iter().map(|one| one.rule).collect();
    assert_eq!(
        rules,
        (1..=RULES).collect(),
        "a rule has no patch that breaks it"
    );
    let Ok(version) = Command::new("git").arg("--version").output() else {
        skip(
            "rules::every_rule_is_broken_by_a_patch_that_applies",
            "git is not installed: it applies the patches",
        );
        return;
    };
    assert!(version.status.success());
    // Outside this repository, which may belong to another user: git refuses that.
    let applies = |text: &str| {
        let dir = tempfile::tempdir().expect("a folder");
        let patch = dir.path().join("break.patch");
        std::fs::write(&patch, text).expect("a patch");
        for file in text.lines().filter_map(|line| line.strip_prefix("--- a/")) {
            let copy = dir.path().join(file);
            std::fs::create_dir_all(copy.parent().expect("a folder")).expect("a folder");
            std::fs::copy(root().join(file), copy).expect("a file that is broken");
        }
        Command::new("git")
            .args(["apply", "--check", "break.patch"])
            .current_dir(dir.path())
            .output()
            .expect("git runs")
    };
    for one in &breaks {
        let tried = applies(&read(&one.path));
        assert!(
            tried.status.success(),
            "{} does not apply any more, so nobody knows whether its tests hold the rule: \
             write it again, and run `make break-rules`\n{}",
            one.path.display(),
            String::from_utf8_lossy(&tried.stderr)
        );
    }
    // Proof that git reports a patch that does not apply.
    let rotten = read(&breaks[0].path).replace("\n-", "\n-rotten ");
    assert!(!applies(&rotten).status.success());
}

#[test]
fn every_test_that_a_break_names_is_there() {
    for one in breaks() {
        for (kind, name) in &one.tests {
            assert!(
                exists(kind, name),
                "{}: there is no test {kind} {name}",
                one.path.display()
            );
        }
    }
    assert!(
        !exists("src", "no_such_test") && !exists("nowhere", "debug_does_not_print_the_secret")
    );
}

#[test]
fn the_table_of_breaks_is_the_one_of_the_patches() {
    let wanted: Vec<String> = breaks().iter().flat_map(Break::rows).collect();
    let text = read(&root().join("docs/security/rules.md"));
    let table = text.lines().filter(|line| line.starts_with('|'));
    let rows: Vec<&str> = table.skip(2).collect();
    assert_eq!(
        rows.join("\n"),
        wanted.join("\n"),
        "the table in docs/security/rules.md should be:\n{}\n",
        wanted.join("\n")
    );
}

/// The tests in a cell, with their kinds: `hosts` before a name; without a kind, those of the
/// module.
fn named(cell: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for part in cell.split(';') {
        let kind = part.split_whitespace().next().unwrap_or_default();
        let kind = KINDS.iter().find(|(known, _)| *known == kind);
        let kind = kind.map_or("module", |(known, _)| known);
        for name in part.split('`').skip(1).step_by(2) {
            found.push((kind.to_owned(), name.to_owned()));
        }
    }
    found
}

#[test]
fn every_advisory_names_tests_that_are_there() {
    let text = read(&root().join("docs/security/advisories.md"));
    let mut count = 0;
    let rows = text.lines().filter(|line| line.starts_with('|'));
    for row in rows.skip(2) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        let [advisory, _, _, tests] = cells.as_slice() else {
            panic!("the row does not have four cells: {row}");
        };
        let tests = named(tests);
        let is_verified = !advisory.contains("not verified");
        assert!(
            !is_verified || !tests.is_empty(),
            "{advisory} names no test"
        );
        for (kind, name) in tests {
            assert!(
                exists(&kind, &name),
                "{advisory}: there is no test {kind} {name}"
            );
            count += 1;
        }
    }
    assert!(count > 20, "{count} tests are named");
}
