//! How findings are shown in a terminal: signs, names, and lines that fit.

use std::io::{self, IsTerminal};

use anstyle::{AnsiColor, Style};

use super::{Status, Step};
use crate::cli::locale;

/// The width of the terminal, and the characters it can show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    /// `None` if the output is no terminal: then lines are not wrapped.
    pub(crate) columns: Option<usize>,
    pub(crate) unicode: bool,
}

/// The widest name.
const NAME_WIDTH: usize = 14;
/// On a narrower terminal names are on a separate line.
const NARROW: usize = 60;

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

impl Page {
    /// The page for standard output.
    pub(crate) fn of_stdout() -> Self {
        let is_terminal = io::stdout().is_terminal();
        let size = terminal_size::terminal_size_of(io::stdout());
        Self {
            columns: size
                .filter(|_| is_terminal)
                .map(|(width, _)| usize::from(width.0)),
            unicode: locale::shows_unicode(),
        }
    }

    fn is_narrow(self) -> bool {
        self.columns.is_some_and(|columns| columns < NARROW)
    }

    fn arrow(self) -> &'static str {
        sign_of_arrow(self.unicode)
    }

    /// A line for a step, and below it what to do.
    pub(super) fn step(self, step: &Step) -> String {
        let mut text = self.marked(step.status, step.name, &step.found);
        if let Some(remedy) = &step.remedy {
            text.push_str(&self.pointed_below(remedy));
        }
        text
    }

    /// A sign, a name and a text.
    pub(crate) fn marked(self, status: Status, name: &str, text: &str) -> String {
        let (sign, style) = status.sign(self.unicode);
        self.row(&format!("{style}{sign}{style:#} "), 2, name, text)
    }

    /// A text behind an arrow, below the text of a row.
    pub(crate) fn pointed_below(self, text: &str) -> String {
        let indent = self.indent(2);
        format!("{:indent$}{}", "", self.pointed(text, indent))
    }

    fn indent(self, lead: usize) -> usize {
        match self.is_narrow() {
            true => 2,
            false => NAME_WIDTH.saturating_add(2).saturating_add(lead),
        }
    }

    /// A name and a text beside it, or below it on a narrow terminal. `lead` comes
    /// first and has the given width in columns.
    fn row(self, lead: &str, lead_width: usize, name: &str, text: &str) -> String {
        let indent = self.indent(lead_width);
        let head = match self.is_narrow() {
            true => format!("{lead}{name}\n  "),
            false => format!("{lead}{name:NAME_WIDTH$}  "),
        };
        format!("{head}{}\n", self.wrapped(text, indent))
    }

    /// A text behind an arrow: what to do.
    fn pointed(self, text: &str, indent: usize) -> String {
        let arrow = self.arrow();
        let behind = indent
            .saturating_add(arrow.chars().count())
            .saturating_add(1);
        format!("{arrow} {}\n", self.wrapped(text, behind))
    }

    /// `text` in lines that fit, each but the first behind `indent` blanks. A word that
    /// is longer than a line stays whole, so that it can be copied.
    pub(crate) fn wrapped(self, text: &str, indent: usize) -> String {
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

    /// The progress line. The next output replaces it. Empty if the output is no
    /// terminal.
    pub(super) fn progress(self, text: &str) -> Option<(String, usize)> {
        let columns = self.columns?;
        let dots = match self.unicode {
            true => "…",
            false => "...",
        };
        let room = columns.saturating_sub(dots.len()).saturating_sub(1);
        let mut text: String = text.chars().take(room).collect();
        text.push_str(dots);
        let width = text.chars().count();
        let dim = AnsiColor::BrightBlack.on_default();
        Some((format!("\r{dim}{text}{dim:#}"), width))
    }
}

fn sign_of_arrow(unicode: bool) -> &'static str {
    match unicode {
        true => "→",
        false => "->",
    }
}

/// What to do, behind the sign for it.
pub(crate) fn arrow(text: &str) -> String {
    format!("{} {text}", sign_of_arrow(locale::shows_unicode()))
}

/// Clears a progress line of this width without escape sequences.
pub(super) fn erased(width: usize) -> String {
    match width {
        0 => String::new(),
        _ => format!("\r{:width$}\r", ""),
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
        let step = Step::new(
            "stack.no-way-in",
            Status::Wrong,
            "sshd: a line that is longer than what fits into one line of a terminal",
            Some("write another one, and look again at what this command says".into()),
        );
        format!(
            "{}{}",
            page.step(&step),
            page.progress(
                "connecting to a server with a name that fits on no line of any terminal here"
            )
            .unwrap()
            .0
            .trim_start_matches('\r')
        )
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
