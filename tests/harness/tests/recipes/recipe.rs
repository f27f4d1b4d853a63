//! Applies a recipe of the document to a host.

use crate::document::{self, Block, Use};
use pam_harness::host::RealHost;
use std::cell::RefCell;
use std::fmt::Write;

/// A recipe. The test fails if it does not use all of its blocks.
pub(crate) struct Recipe {
    title: String,
    /// Each with whether it was used.
    blocks: RefCell<Vec<(Block, bool)>>,
    report: RefCell<String>,
}

impl Recipe {
    /// The recipe below this heading.
    #[track_caller]
    pub(crate) fn read(title: &str) -> Recipe {
        let blocks: Vec<_> = document::blocks()
            .into_iter()
            .filter(|block| block.recipe == title)
            .map(|block| (block, false))
            .collect();
        assert!(!blocks.is_empty(), "there is no recipe {title:?}");
        Recipe {
            title: title.to_owned(),
            blocks: blocks.into(),
            report: String::new().into(),
        }
    }

    /// Installs all of its files in their order, and replaces the names of the examples by
    /// those of the test: pairs of words.
    #[track_caller]
    pub(crate) fn install(&self, host: &RealHost, names: &[(&str, &str)]) {
        let is_file = |block: &Block| block.what != Use::Commands && block.from_openssh.is_none();
        for block in self.take(is_file) {
            self.install_block(host, &block, names);
        }
    }

    /// The files for newer OpenSSH only. The caller must check whether this host's sshd accepts
    /// them.
    #[track_caller]
    pub(crate) fn install_for_newer_openssh(&self, host: &RealHost) -> Vec<Block> {
        let blocks = self.take(|block| block.from_openssh.is_some());
        for block in &blocks {
            self.install_block(host, block, &[]);
        }
        blocks
    }

    /// Runs the next block of commands as root. Returns their output.
    #[track_caller]
    pub(crate) fn run(&self, host: &RealHost) -> String {
        let commands = self.commands();
        let output = host.output("root", &["sh", "-ec", &commands]);
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8_lossy(&printed).into_owned();
        assert!(output.status.success(), "{commands}{printed}");
        printed
    }

    /// The next block of commands, for the caller to run.
    #[track_caller]
    pub(crate) fn commands(&self) -> String {
        match self.next_commands() {
            Some(block) => block.text,
            None => panic!("{}: there are no more commands", self.title),
        }
    }

    /// The text of the block that is the whole of this file.
    #[track_caller]
    pub(crate) fn text(&self, path: &str) -> String {
        let blocks = self.blocks.borrow();
        match blocks.iter().find(|(block, _)| block.paths == [path]) {
            Some((block, _)) => block.text.clone(),
            None => panic!("{}: there is no block for {path}", self.title),
        }
    }

    /// Records the result of a login, for the table that `make test` prints.
    pub(crate) fn report(&self, line: &str) {
        let _ = writeln!(self.report.borrow_mut(), "    {line}");
    }

    fn take(&self, wanted: impl Fn(&Block) -> bool) -> Vec<Block> {
        let mut blocks = self.blocks.borrow_mut();
        let taken = blocks.iter_mut().filter(|(block, _)| wanted(block));
        taken
            .map(|(block, used)| {
                *used = true;
                block.clone()
            })
            .collect()
    }

    fn next_commands(&self) -> Option<Block> {
        let mut blocks = self.blocks.borrow_mut();
        let (block, used) = blocks
            .iter_mut()
            .find(|(block, used)| block.what == Use::Commands && !used)?;
        *used = true;
        Some(block.clone())
    }

    #[track_caller]
    fn install_block(&self, host: &RealHost, block: &Block, names: &[(&str, &str)]) {
        let mut text = block.text.clone();
        for (example, name) in names {
            text = text.replace(example, name);
        }
        for path in &block.paths {
            let (text, mode) = match &block.what {
                Use::File(mode) => (text.clone(), *mode),
                Use::Commands => panic!("{}: a block of commands names a file", self.title),
                what => {
                    let old = host.read(path);
                    let old = old.ok_or_else(|| String::from("is not there"));
                    let new = old.and_then(|old| change(&old, what, &text));
                    let new = new.unwrap_or_else(|why| panic!("{}: {path}: {why}", self.title));
                    (new, 0o644)
                }
            };
            host.put(path, text.as_bytes(), mode, 0);
        }
    }
}

/// The file with a block added.
fn change(old: &str, what: &Use, block: &str) -> Result<String, String> {
    let same = |a: &str, b: &str| a.split_whitespace().eq(b.split_whitespace());
    let first_word = |line: &str| line.split_whitespace().next().map(str::to_owned);
    let mut text = String::new();
    let mut found = 0;
    for line in old.lines() {
        let kept = format!("{line}\n");
        match what {
            Use::InPlaceOf(given) if same(line, given) => {
                text.push_str(block);
                found += 1;
            }
            Use::Behind(given) if same(line, given) => {
                text.push_str(&kept);
                text.push_str(block);
                found += 1;
            }
            Use::SameFirstWord if first_word(line).is_some() => {
                let new = block
                    .lines()
                    .find(|new| first_word(new) == first_word(line));
                found += usize::from(new.is_some());
                text.push_str(&new.map_or(kept, |new| format!("{new}\n")));
            }
            _ => text.push_str(&kept),
        }
    }
    let expected = match what {
        Use::SameFirstWord => block.lines().count(),
        _ => 1,
    };
    if found == expected {
        Ok(text)
    } else {
        Err(format!(
            "{what:?} fits {found} lines, not {expected}:\n{old}"
        ))
    }
}

impl Drop for Recipe {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let blocks = self.blocks.borrow();
        let forgotten: Vec<_> = blocks.iter().filter(|(_, used)| !used).collect();
        assert!(
            forgotten.is_empty(),
            "{}: the test does not use these blocks: {forgotten:#?}",
            self.title
        );
        let report = self.report.borrow();
        // Many tests use the common part, which has no row.
        if report.is_empty() {
            return;
        }
        let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("recipes");
        std::fs::create_dir_all(&directory).expect("the table's directory");
        let text = format!("{}: {} blocks\n{report}", self.title, blocks.len());
        let name: String = self
            .title
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        std::fs::write(directory.join(format!("{name}.txt")), text).expect("the table is written");
    }
}
