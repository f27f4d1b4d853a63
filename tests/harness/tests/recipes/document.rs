//! `docs/recipes.md`, read as an administrator reads it: a heading, and blocks, each with a
//! line above it that says where it belongs.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What to do with a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// The whole contents of a file with these permission bits.
    File(u32),
    /// Replaces this line of the file.
    InPlaceOf(String),
    /// Follows this line of the file.
    Behind(String),
    /// Replaces the lines that start with the same words as the block's.
    SameFirstWord,
    /// Commands that root runs on the host.
    Commands,
}

/// A block and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The heading above it.
    pub(crate) recipe: String,
    pub(crate) what: Use,
    /// Which files; none for commands.
    pub(crate) paths: Vec<String>,
    /// The first version of OpenSSH that it needs, if it does not fit all.
    pub(crate) from_openssh: Option<String>,
    pub(crate) text: String,
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All blocks of the document.
///
/// # Panics
///
/// If it is not clear where a block belongs.
#[track_caller]
pub(crate) fn blocks() -> Vec<Block> {
    let path = workspace().join("docs/recipes.md");
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    parse(&text)
}

#[track_caller]
fn parse(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut recipe = "";
    // The paragraph above as one line. It ends at an empty line.
    let mut above = String::new();
    let mut ended = false;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with('#') {
            recipe = line.trim_start_matches('#').trim();
        }
        if !line.starts_with("```") {
            if !line.is_empty() && std::mem::take(&mut ended) {
                above.clear();
            }
            above.push_str(line);
            above.push(' ');
            ended |= line.is_empty();
            continue;
        }
        let mut text = String::new();
        for line in lines.by_ref().take_while(|line| *line != "```") {
            text.push_str(line);
            text.push('\n');
        }
        let Some(block) = where_it_goes(above.trim(), recipe, &text) else {
            panic!("{recipe:?}: {above:?} does not say where the block below it goes:\n{text}");
        };
        blocks.push(block);
        above.clear();
    }
    blocks
}

fn where_it_goes(above: &str, recipe: &str, text: &str) -> Option<Block> {
    let block = |what, paths: Vec<String>| Block {
        recipe: recipe.to_owned(),
        what,
        paths,
        from_openssh: None,
        text: text.to_owned(),
    };
    // Of its last sentence.
    let above = above.rsplit(". ").next()?.strip_suffix(':')?;
    if let Some((paths, how)) = paths_in_front(above) {
        let quoted = |start: &str| how.strip_prefix(start)?.strip_suffix('`');
        if let Some(line) = quoted(", in place of `") {
            return Some(block(Use::InPlaceOf(line.to_owned()), paths));
        }
        if let Some(line) = quoted(", behind `") {
            return Some(block(Use::Behind(line.to_owned()), paths));
        }
        if let Some(version) = how.strip_prefix(", from OpenSSH ") {
            return Some(Block {
                from_openssh: Some(version.strip_suffix(" on")?.to_owned()),
                ..block(Use::File(0o644), paths)
            });
        }
        if let Some(mode) = how.strip_prefix(", mode ") {
            let mode = u32::from_str_radix(mode, 8).ok()?;
            return Some(block(Use::File(mode), paths));
        }
        return match how {
            "" | ", on the control node" => Some(block(Use::File(0o644), paths)),
            ", in place of the lines that begin so" => Some(block(Use::SameFirstWord, paths)),
            _ => None,
        };
    }
    let commands = ["as root", "As root", "On the control node"];
    let is_command = commands.iter().any(|words| above.contains(words));
    is_command.then(|| block(Use::Commands, Vec::new()))
}

/// Parses `` `/etc/path` and `/etc/other`, how `` at the end of a line.
fn paths_in_front(line: &str) -> Option<(Vec<String>, &str)> {
    let (_, mut rest) = line.split_once("`/etc/")?;
    let mut paths = Vec::new();
    loop {
        let (path, how) = rest.split_once('`')?;
        paths.push(format!("/etc/{path}"));
        match how.strip_prefix(" and `/etc/") {
            Some(another) => rest = another,
            None => return Some((paths, how)),
        }
    }
}

#[test]
fn a_block_says_where_it_goes() {
    let text = "# A\n\n## Here\n\nwords of `/etc/b`. More,\nand `/etc/a.conf`, mode 600:\n\n```ini\na = b\n```\n\n\
                ### There\n`/etc/pam.d/x` and `/etc/pam.d/x-i`, in place of `@include y`:\n\n```\nauth z\n```\n\n\
                First this; then, as root:\n\n```sh\ntrue\n```\n";
    let blocks = parse(text);
    let about: Vec<_> = blocks
        .iter()
        .map(|block| (block.recipe.as_str(), block.paths.join(" "), &block.what))
        .collect();
    assert_eq!(
        about,
        [
            ("Here", "/etc/a.conf".to_owned(), &Use::File(0o600)),
            (
                "There",
                "/etc/pam.d/x /etc/pam.d/x-i".to_owned(),
                &Use::InPlaceOf("@include y".into())
            ),
            ("There", String::new(), &Use::Commands),
        ]
    );
    assert_eq!(blocks[0].text, "a = b\n");
}

#[test]
#[should_panic(expected = "does not say where the block below it goes")]
fn a_block_without_a_place_is_an_error() {
    parse("## Here\n\nSome words.\n\n```\na = b\n```\n");
}

/// A test of a recipe must use every block of it. This test finds recipes that no test uses.
#[test]
fn every_recipe_is_read_by_a_test() {
    let directory = workspace().join("tests/harness/tests/recipes");
    if let Err(e) = fs::read_dir(&directory) {
        // The test runs as a user who cannot read the checkout.
        assert_eq!(e.kind(), ErrorKind::PermissionDenied, "{e}");
        pam_harness::skip!("the checkout is out of reach");
    }
    let sources: String = fs::read_dir(&directory)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| fs::read_to_string(entry.path()).unwrap_or_default())
        .collect();
    let blocks = blocks();
    assert!(blocks.len() > 30, "{} blocks", blocks.len());
    for block in blocks {
        let reads = format!("Recipe::read(\"{}\")", block.recipe);
        assert!(
            sources.contains(&reads),
            "no test installs the block of {:?}:\n{}",
            block.recipe,
            block.text
        );
    }
}

/// At the top of the file it would apply to every service, and let users in with only a code.
#[test]
fn a_flow_that_asks_for_a_code_alone_is_for_one_service() {
    let mut ones = 0;
    for block in blocks() {
        let table = block.text.split("\n[").next().unwrap_or_default();
        assert!(!table.contains("linux-code"), "{}", block.text);
        ones += usize::from(block.text.contains("flow = \"linux-code\""));
    }
    assert_eq!(ones, 2);
}
