//! What a check has found, for people and for programs.

use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::locale;

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// All is well.
    Ok,
    /// It works, and should be looked at.
    Warning,
    /// It does not work, or is dangerous.
    Wrong,
    /// It could not be found out from here.
    Unknown,
}

impl Status {
    fn sign(self, unicode: bool) -> (&'static str, Style) {
        let colour = |colour: AnsiColor| colour.on_default();
        match self {
            Self::Ok if unicode => ("✓", colour(AnsiColor::Green)),
            Self::Ok => ("+", colour(AnsiColor::Green)),
            Self::Warning => ("!", colour(AnsiColor::Yellow).bold()),
            Self::Wrong if unicode => ("✗", colour(AnsiColor::Red).bold()),
            Self::Wrong => ("x", colour(AnsiColor::Red).bold()),
            Self::Unknown => ("?", colour(AnsiColor::Cyan)),
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Step {
    /// What it is about.
    pub(crate) name: &'static str,
    pub(crate) status: Status,
    /// What was found.
    pub(crate) found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remedy: Option<String>,
}

/// All steps of a check, in order.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    service: String,
    config: String,
    steps: Vec<Step>,
    /// Whether nothing is wrong.
    well: bool,
    /// How each step is shown as soon as it is known; nothing for programs, which
    /// get all of them at the end.
    #[serde(skip)]
    page: Option<Page>,
    /// The first thing that went wrong with the output.
    #[serde(skip)]
    unwritten: Option<io::Error>,
}

/// What fits on a line of the terminal, and which signs.
#[derive(Debug, Clone, Copy)]
struct Page {
    /// Nothing where the output is no terminal: lines are as long as they are.
    columns: Option<usize>,
    unicode: bool,
}

/// The widest name of a step.
const NAME_WIDTH: usize = 14;
/// Below so many columns the names get a line of their own.
const NARROW: usize = 60;

impl Report {
    /// A report that is shown as it grows, or at its end as JSON.
    pub(crate) fn new(service: &str, config: String, json: bool) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let columns = terminal_size::terminal_size_of(io::stdout());
        let page = Page {
            columns: columns
                .filter(|_| is_terminal)
                .map(|(width, _)| usize::from(width.0)),
            unicode: locale::shows_unicode(),
        };
        let mut report = Self {
            service: service.into(),
            config,
            steps: Vec::new(),
            well: true,
            page: (!json).then_some(page),
            unwritten: None,
        };
        if !json {
            let head = format!("service {}, {}\n\n", report.service, report.config);
            report.write(&head);
        }
        report
    }

    fn write(&mut self, text: &str) {
        let mut out = anstream::stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        if let (Err(error), None) = (written, &self.unwritten) {
            self.unwritten = Some(error);
        }
    }

    pub(crate) fn ok(&mut self, name: &'static str, found: impl Into<String>) {
        self.add(name, Status::Ok, found, None);
    }

    pub(crate) fn warn(
        &mut self,
        name: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(name, Status::Warning, found, Some(remedy.into()));
    }

    pub(crate) fn wrong(
        &mut self,
        name: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(name, Status::Wrong, found, Some(remedy.into()));
    }

    pub(crate) fn unknown(
        &mut self,
        name: &'static str,
        found: impl Into<String>,
        remedy: Option<String>,
    ) {
        self.add(name, Status::Unknown, found, remedy);
    }

    pub(crate) fn add(
        &mut self,
        name: &'static str,
        status: Status,
        found: impl Into<String>,
        remedy: Option<String>,
    ) {
        self.well &= status != Status::Wrong;
        let step = Step {
            name,
            status,
            found: found.into(),
            remedy,
        };
        if let Some(page) = self.page {
            self.write(&page.step(&step));
        }
        self.steps.push(step);
    }

    /// Whether nothing is wrong.
    pub(crate) fn is_well(&self) -> bool {
        self.well
    }

    /// The end: for people a line that counts, for programs one object.
    ///
    /// # Errors
    /// Where the output is closed.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        match self.page {
            Some(_) => {
                let end = format!("\n{}\n", self.count());
                self.write(&end);
            }
            None => {
                let mut out = io::stdout().lock();
                serde_json::to_writer_pretty(&mut out, &self)?;
                writeln!(out)?;
            }
        }
        match self.unwritten {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn count(&self) -> String {
        let count = |status: Status| {
            self.steps
                .iter()
                .filter(|step| step.status == status)
                .count()
        };
        let mut parts = Vec::new();
        for (status, one, many) in [
            (Status::Wrong, "thing is wrong", "things are wrong"),
            (Status::Warning, "thing to look at", "things to look at"),
            (
                Status::Unknown,
                "cannot be told from here",
                "cannot be told from here",
            ),
        ] {
            match count(status) {
                0 => {}
                1 => parts.push(format!("1 {one}")),
                number => parts.push(format!("{number} {many}")),
            }
        }
        if self.well {
            parts.insert(0, "Nothing is wrong".into());
        }
        format!("{}.", parts.join("; "))
    }
}

impl Page {
    /// A line for a step, and below it what to do.
    fn step(self, step: &Step) -> String {
        let (sign, style) = step.status.sign(self.unicode);
        let arrow = match self.unicode {
            true => "→",
            false => "->",
        };
        let name = step.name;
        let narrow = self.columns.is_some_and(|columns| columns < NARROW);
        let (head, indent) = match narrow {
            true => (format!("{style}{sign}{style:#} {name}\n"), 2),
            false => (
                format!("{style}{sign}{style:#} {name:NAME_WIDTH$}  "),
                NAME_WIDTH.saturating_add(4),
            ),
        };
        let mut text = head;
        if narrow {
            text.push_str("  ");
        }
        text.push_str(&self.wrapped(&step.found, indent));
        text.push('\n');
        if let Some(remedy) = &step.remedy {
            let behind = indent
                .saturating_add(arrow.chars().count())
                .saturating_add(1);
            text.push_str(&format!("{:indent$}{arrow} ", ""));
            text.push_str(&self.wrapped(remedy, behind));
            text.push('\n');
        }
        text
    }

    /// `text` in lines that fit, each but the first behind `indent` blanks.
    fn wrapped(self, text: &str, indent: usize) -> String {
        let Some(room) = self.columns.map(|columns| columns.saturating_sub(indent)) else {
            return text.to_owned();
        };
        let mut out = String::new();
        let mut used = 0_usize;
        for word in text.split(' ') {
            let width = word.chars().count();
            if used > 0 && used.saturating_add(width).saturating_add(1) > room {
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                used = 0;
            } else if used > 0 {
                out.push(' ');
                used = used.saturating_add(1);
            }
            out.push_str(word);
            used = used.saturating_add(width);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(columns: usize, unicode: bool) -> String {
        let page = Page {
            columns: Some(columns),
            unicode,
        };
        page.step(&Step {
            name: "PAM stacks",
            status: Status::Wrong,
            found: "sshd: a line that is longer than what fits into one line of a terminal".into(),
            remedy: Some("write another one, and look again at what this command says".into()),
        })
    }

    #[test]
    fn lines_fit_into_the_terminal() {
        for columns in [40, 59, 60, 80, 120] {
            for unicode in [true, false] {
                let text = anstream::adapter::strip_str(&page(columns, unicode)).to_string();
                for line in text.lines() {
                    assert!(line.chars().count() <= columns, "{columns}: {text}");
                }
                assert_eq!(text.is_ascii(), !unicode, "{text}");
                assert!(text.contains("another"), "{text}");
            }
        }
    }
}
