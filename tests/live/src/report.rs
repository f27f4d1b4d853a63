//! The table for a bug report.

use std::fmt::Write;
use std::time::Duration;

use crate::rows::Row;

/// The result of a row.
pub(crate) struct Line {
    pub(crate) row: Row,
    /// The result with its duration; `None` if the row could not be run.
    pub(crate) code: Option<(String, Duration)>,
    /// What is wrong.
    pub(crate) wrong: Option<String>,
}

impl Line {
    /// One line for the terminal during the run.
    pub(crate) fn progress(&self, number: usize, all: usize) -> String {
        let mark = if self.wrong.is_none() {
            "ok"
        } else {
            "NOT AS EXPECTED"
        };
        let (code, took) = self.code_and_time();
        format!(
            "{number:3}/{all} {}: {code} ({took}) {mark}",
            self.row.title()
        )
    }

    fn code_and_time(&self) -> (&str, String) {
        match &self.code {
            Some((code, took)) => (code, format!("{:.1} s", took.as_secs_f64())),
            None => ("not played", "-".to_owned()),
        }
    }
}

/// The subject of the table.
pub(crate) struct About {
    pub(crate) authentik: String,
    pub(crate) module: String,
    pub(crate) all: usize,
    pub(crate) interrupted: bool,
}

/// The table, and the count below it.
pub(crate) fn table(about: &About, lines: &[Line]) -> String {
    let mut text = format!(
        "## pam_authentik_flow and authentik {}\n\n{}\n\n\
         | | login | expected | came | time |\n|---|---|---|---|---|\n",
        about.authentik, about.module
    );
    for (number, line) in (1..).zip(lines) {
        let (code, took) = line.code_and_time();
        let came = match &line.wrong {
            None => code.to_owned(),
            Some(why) => format!("**{code}**: {}", in_a_cell(why)),
        };
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "| {number} | {} | {} | {came} | {took} |",
            line.row.title(),
            line.row.code
        );
    }
    let good = lines.iter().filter(|line| line.wrong.is_none()).count();
    let _ = writeln!(
        text,
        "\n{good} of {} logins came as expected with authentik {}.",
        about.all, about.authentik
    );
    if about.interrupted {
        let _ = writeln!(
            text,
            "The run was interrupted after {} of them.",
            lines.len()
        );
    }
    text
}

/// The first line of a text, without characters that would end a cell.
fn in_a_cell(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.replace('|', "\\|").chars().take(200).collect()
}
