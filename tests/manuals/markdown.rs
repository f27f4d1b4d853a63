//! The Markdown pages: their links, their length, and the example for contributors.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::source;

/// The Markdown pages for administrators and contributors.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [
        "",
        "docs",
        "docs/security",
        "conf",
        "conf/blueprints",
        "packaging",
    ];
    let mut pages = Vec::new();
    for folder in folders {
        for file in std::fs::read_dir(root.join(folder)).expect("a folder of pages") {
            let path = file.expect("a page").path();
            if path.extension().is_some_and(|kind| kind == "md") {
                pages.push(path);
            }
        }
    }
    pages
}

/// The link target that GitHub makes from the heading `line`.
fn anchor(line: &str) -> String {
    line.trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter_map(|sign| match sign {
            ' ' => Some('-'),
            '-' | '_' => Some(sign),
            _ => sign.is_alphanumeric().then_some(sign),
        })
        .collect()
}

/// The link targets in a page.
fn links(text: &str) -> Vec<&str> {
    let behind = text.split("](").skip(1);
    behind.filter_map(|rest| rest.split(')').next()).collect()
}

#[test]
fn every_link_of_a_page_leads_somewhere() {
    let mut count = 0_usize;
    for page in pages() {
        let text = std::fs::read_to_string(&page).expect("a page can be read");
        for link in links(&text) {
            if link.starts_with("https://") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let path = match file {
                "" => page.clone(),
                _ => page.parent().expect("a folder").join(file),
            };
            assert!(path.exists(), "{}: {link}", page.display());
            if !heading.is_empty() {
                let text = std::fs::read_to_string(&path).expect("a page");
                let mut headings = text.lines().filter(|line| line.starts_with('#'));
                let is_there = headings.any(|line| anchor(line) == heading);
                assert!(is_there, "{}: {link}: no such heading", page.display());
            }
            count = count.saturating_add(1);
        }
    }
    assert!(count > 100, "{count} links");
}

#[test]
fn the_first_page_is_short_and_the_index_has_every_page() {
    assert!(source("README.md").lines().count() <= 120);
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let index = source("docs/README.md");
    let index = links(&index);
    for page in pages() {
        let name = page.file_name().expect("a name").to_string_lossy();
        let is_a_page = page.parent() == Some(&docs) && name != "README.md";
        if is_a_page {
            assert!(index.contains(&&*name), "docs/README.md lacks {name}");
        }
    }
}

/// The functions that a piece of Rust calls or names in `map_err`.
fn functions(code: &str) -> BTreeSet<&str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found: BTreeSet<&str> = code
        .split("map_err(")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .collect();
    for (at, _) in code.match_indices('(') {
        let before = code.get(..at).unwrap_or_default();
        let called = before.rsplit(|c| !is_name(c)).next().unwrap_or_default();
        // A variant is no function.
        if called.starts_with(|c: char| c.is_ascii_lowercase()) {
            found.insert(called);
        }
    }
    found
}

/// All Rust files below a folder, as one text.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            text.push_str(&sources(&path));
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            text.push_str(&std::fs::read_to_string(&path).expect("a source"));
        }
    }
    text
}

#[test]
fn the_example_of_a_new_stage_calls_functions_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let known: String = ["src", "tests/double/src", "tests/harness"]
        .map(|folder| sources(&root.join(folder)))
        .concat();
    let page = source("CONTRIBUTING.md");
    let mut count = 0_usize;
    for code in page.split("```rust\n").skip(1) {
        let code = code.split("```").next().unwrap_or_default();
        for function in functions(code) {
            let is_standard = [
                "as_deref",
                "as_str",
                "derive",
                "map_err",
                "pub",
                "super",
                "unwrap_or_default",
            ];
            if is_standard.contains(&function) {
                continue;
            }
            let is_there = ["(", "<"].map(|end| known.contains(&format!("fn {function}{end}")));
            assert!(
                is_there.contains(&true),
                "CONTRIBUTING.md: no fn {function}"
            );
            count = count.saturating_add(1);
        }
    }
    assert!(count > 15, "{count} functions");
}
