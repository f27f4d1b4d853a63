//! The lines that `enable` writes: one block, with its beginning and its end marked.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::cli::stack::{Entry, MODULE};

const BEGIN: &str = "# BEGIN authentik-flow enable; authentik-flow disable ";
const BEGIN_REST: &str = " takes these lines out.";
const END: &str = "# END authentik-flow enable";
/// Version 0.1.0 wrote this before its three lines, without a mark after them.
const OLD_BEGIN: &str = "# By authentik-flow enable; authentik-flow disable ";
const OLD_LINES: usize = 3;

/// How a success of the module skips the lines that it replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// It jumps over this many lines, and a line after them succeeds.
    Jump(usize),
    /// No line after them succeeds, so the module's success counts, and the next line
    /// jumps.
    CountAndJump(usize),
}

impl Way {
    /// The number of lines after the block that are skipped.
    pub(super) fn skipped(self) -> usize {
        match self {
            Self::Jump(over) | Self::CountAndJump(over) => over,
        }
    }
}

/// The contents of a block.
pub(super) struct Block<'a> {
    pub(super) service: &'a str,
    /// The accounts that skip the module.
    pub(super) names: &'a [String],
    pub(super) config: Option<PathBuf>,
    /// Lines that a jump would skip and that must still be asked.
    pub(super) repeated: Vec<String>,
    pub(super) way: Way,
}

impl Block<'_> {
    /// The number of lines before the repeated ones.
    pub(super) const GUARDS: usize = 2;

    /// The number of lines that are not comments.
    pub(super) fn entries(&self) -> usize {
        let jump = usize::from(matches!(self.way, Way::CountAndJump(_)));
        [Self::GUARDS, self.repeated.len(), 1, jump]
            .iter()
            .fold(0, |sum: usize, more| sum.saturating_add(*more))
    }

    /// Its lines, each with its line end.
    pub(super) fn text(&self) -> String {
        let Self { service, .. } = self;
        let behind = self.entries().saturating_sub(1);
        let names = self.names.join(":");
        let config = match &self.config {
            Some(path) => format!(" {}", word(&format!("config={}", path.display()))),
            None => String::new(),
        };
        let line = |control: &str, module: &str| format!("auth  {control:<43} {module}");
        let mut lines = vec![
            format!("{BEGIN}{service}{BEGIN_REST}"),
            line(
                &format!("[success={behind} default=ignore]"),
                &format!("pam_succeed_if.so quiet user in {names}"),
            ),
            // sshd calls pam_setcred on a separate handle, where pam_succeed_if returns
            // PAM_IGNORE. This line succeeds there and skips the module: a missing
            // module would otherwise keep out root, too. /dev/null names nobody, so the
            // line never counts at a login.
            line(
                &format!("[success={} default=ignore]", behind.saturating_sub(1)),
                "pam_localuser.so file=/dev/null",
            ),
        ];
        lines.extend(self.repeated.iter().cloned());
        let module = format!("{MODULE}{config}");
        match self.way {
            Way::Jump(over) => lines.push(line(
                &format!("[success={over} default=die ignore=ignore]"),
                &module,
            )),
            Way::CountAndJump(over) => {
                lines.push(line("[success=ok default=die ignore=1]", &module));
                lines.push(line(
                    &format!("[success={over} default=die]"),
                    "pam_permit.so",
                ));
            }
        }
        lines.push(END.into());
        lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// A line of a stack, repeated with a control that makes it a requirement.
pub(super) fn repeat(entry: &Entry) -> String {
    let mut line = format!("auth  {:<43} {}", "required", entry.module);
    for argument in &entry.arguments {
        line.push(' ');
        line.push_str(&word(argument));
    }
    line
}

/// An argument as libpam reads it: in brackets if it would not be one word.
fn word(argument: &str) -> String {
    let plain = !argument.is_empty() && !argument.contains([' ', '\t', '[', ']', '\\']);
    match plain {
        true => argument.to_owned(),
        false => format!("[{}]", argument.replace(']', "\\]")),
    }
}

/// Checks that a line of a stack can name a path.
///
/// # Errors
/// It has a character that libpam reads in another way.
pub(super) fn can_name(path: &Path) -> Result<(), String> {
    let text = path.to_str();
    let is_odd = |sign: char| sign.is_control() || "#[]\\".contains(sign);
    match text.filter(|text| !text.contains(is_odd)) {
        Some(_) => Ok(()),
        None => Err(format!(
            "--config {}: a line of a stack cannot name this path: it has a control character or one of # [ ] \\, or it is not UTF-8; give the file another name",
            path.display()
        )),
    }
}

/// A block in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// The numbers of its lines, from one.
    pub(super) lines: Range<usize>,
    /// The lines, each with its line end.
    pub(super) text: String,
}

/// The block of `enable` in a file, if there is one.
///
/// # Errors
/// A beginning without an end, and an end without a beginning: its line.
pub(super) fn find(text: &str) -> Result<Option<Found>, usize> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let starts = |prefix: &str| lines.iter().position(|line| line.starts_with(prefix));
    let number = |at: usize| at.saturating_add(1);
    let range = match (starts(BEGIN), starts(END)) {
        (Some(begin), Some(end)) if begin < end => begin..number(end),
        (Some(begin), _) => return Err(number(begin)),
        (None, Some(end)) => return Err(number(end)),
        (None, None) => match starts(OLD_BEGIN) {
            Some(begin) => begin..number(begin).saturating_add(OLD_LINES).min(lines.len()),
            None => return Ok(None),
        },
    };
    let text = lines.get(range.clone()).unwrap_or_default().concat();
    Ok(Some(Found {
        lines: number(range.start)..number(range.end),
        text,
    }))
}

impl Found {
    /// Whether it is still as `enable` writes it: one of the copies, or only `enable`'s
    /// own lines if there is no copy.
    pub(super) fn is_whole(&self, written: &[String]) -> bool {
        match written.is_empty() {
            false => written.contains(&self.text),
            true => {
                self.text.contains(MODULE) && self.text.contains("pam_succeed_if.so quiet user in ")
            }
        }
    }

    /// The file without it.
    pub(super) fn without(&self, text: &str) -> String {
        text.split_inclusive('\n')
            .zip(1..)
            .filter(|(_, number)| !self.lines.contains(number))
            .map(|(line, _)| line)
            .collect()
    }

    /// The accounts that skip the module, from the first line.
    pub(super) fn names(&self) -> Vec<String> {
        let list = self.text.split_once("user in ").map(|(_, after)| after);
        let list = list.and_then(|list| list.split_whitespace().next());
        let list = list.map(|list| list.split(':').map(str::to_owned).collect());
        list.unwrap_or_default()
    }

    /// Its lines with their numbers, for people.
    pub(super) fn shown(&self, path: &Path) -> String {
        self.text
            .lines()
            .zip(self.lines.clone())
            .map(|(line, number)| format!("  {}:{number}: {line}\n", path.display()))
            .collect()
    }
}

/// A file without its blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bare {
    pub(super) text: String,
    /// The block that libpam reaches first.
    pub(super) first: Found,
}

/// Takes all blocks out: somebody may have copied one. `None` if there is none.
///
/// # Errors
/// See [`find`]; or a block that is not as `enable` writes it, to be shown.
pub(super) fn take_out(text: &str, written: &[String]) -> Result<Option<Bare>, Stays> {
    let mut bare: Option<Bare> = None;
    // The number of lines above which are gone already.
    let mut gone = 0;
    loop {
        let rest = bare.as_ref().map_or(text, |bare| &bare.text);
        let Some(mut found) = find(rest).map_err(|line| Stays::Half(line.saturating_add(gone)))?
        else {
            return Ok(bare);
        };
        if !found.is_whole(written) {
            found.lines =
                found.lines.start.saturating_add(gone)..found.lines.end.saturating_add(gone);
            return Err(Stays::Changed(found));
        }
        gone = gone.saturating_add(found.lines.len());
        bare = Some(Bare {
            text: found.without(rest),
            first: bare.map_or(found, |bare| bare.first),
        });
    }
}

/// Why a block stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stays {
    /// One of its two marks is gone: the line of the other.
    Half(usize),
    /// Somebody has changed it.
    Changed(Found),
}

/// `text` with `block` in front of the line `own_line`, from one.
pub(super) fn insert(text: &str, block: &str, own_line: usize) -> String {
    let mut after = String::with_capacity(text.len().saturating_add(block.len()));
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        if number == own_line {
            after.push_str(block);
        }
        after.push_str(line);
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(way: Way) -> String {
        Block {
            service: "sshd",
            names: &["root".to_owned(), "localadmin".to_owned()],
            config: None,
            repeated: Vec::new(),
            way,
        }
        .text()
    }

    #[test]
    fn a_block_is_found_and_taken_out_again() {
        let before = "a\nb\n";
        for way in [Way::Jump(2), Way::CountAndJump(1)] {
            let block = block(way);
            let after = insert(before, &block, 2);
            let found = find(&after).unwrap().unwrap();
            assert_eq!(found.text, block);
            assert_eq!(found.without(&after), before);
            assert_eq!(found.names(), ["root", "localadmin"]);
            assert!(found.is_whole(std::slice::from_ref(&block)) && found.is_whole(&[]));
            // With more lines around it.
            let more = format!("new\n{after}new\n");
            let found = find(&more).unwrap().unwrap();
            assert_eq!(found.without(&more), "new\na\nb\nnew\n");
        }
        let block = block(Way::Jump(2));
        let twice = format!("{block}a\n{block}b\n");
        let written = [block.clone()];
        assert_eq!(take_out(&twice, &written).unwrap().unwrap().text, before);
        let changed = format!("{block}a\n{}b\n", block.replace("root", "bob"));
        match take_out(&changed, &written) {
            Err(Stays::Changed(found)) => assert_eq!(found.lines, 7..12),
            other => panic!("{other:?}"),
        }
        assert_eq!(find(before), Ok(None));
        assert_eq!(find(&format!("a\n{END}\n")), Err(2));
    }
}
