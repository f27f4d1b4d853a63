//! The results of all faults, counted and judged.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use pam_harness::{HarnessError, Outcome};

use super::LIMIT;

/// How many times the configured limit a login with a fault may take: one for the request, one
/// for the end of the session, and the rest for a busy machine.
const PATIENCE: u32 = 4;

/// One fault at one moment, and its result.
pub(super) struct Cell {
    what: String,
    code: String,
    reason: String,
    took: Duration,
    crashed: bool,
    hung: bool,
    problems: Vec<String>,
}

impl Cell {
    pub(super) fn new(
        name: &str,
        moment: &str,
        outcome: Result<Outcome, HarnessError>,
        took: Duration,
    ) -> Cell {
        let mut cell = Cell {
            what: format!("{name}, {moment}"),
            code: String::new(),
            reason: String::new(),
            took,
            crashed: false,
            hung: false,
            problems: Vec::new(),
        };
        match outcome {
            Ok(outcome) => {
                cell.code = outcome.code().to_string();
                cell.took = outcome.durations().into_iter().sum();
                let lines: Vec<&str> = outcome.log().iter().map(|l| l.text.as_str()).collect();
                cell.require(lines.len() == 1, &format!("not one line: {lines:?}"));
                cell.reason = lines.join(" | ");
                if let Err(why) = outcome.check() {
                    cell.problems.push(why);
                }
                let changed = outcome.host_differences();
                cell.require(changed.is_empty(), &changed.join(", "));
            }
            Err(HarnessError::Timeout(_)) => cell.hung = true,
            Err(why @ HarnessError::Died { .. }) => {
                cell.crashed = true;
                cell.problems.push(why.to_string());
            }
            Err(why) => cell.problems.push(why.to_string()),
        }
        cell
    }

    /// Records a result that is wrong.
    pub(super) fn require(&mut self, holds: bool, problem: &str) {
        if !holds {
            self.problems.push(problem.to_owned());
        }
    }

    pub(super) fn expect(&mut self, code: &str, line: &str) {
        let ends_so = self.code == code;
        self.require(ends_so, &format!("not {code} but {}", self.code));
        let says_so = self.reason.contains(line);
        self.require(says_so, &format!("the log does not say {line:?}"));
    }

    fn is_over_time(&self) -> bool {
        self.hung || self.took > LIMIT * PATIENCE
    }
}

/// All cells.
pub(super) struct Table(Vec<Cell>);

impl Table {
    pub(super) fn new() -> Table {
        Table(Vec::new())
    }

    pub(super) fn extend(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.0.extend(cells);
    }

    /// Writes the summary, then fails if a result is wrong.
    pub(super) fn judge(&self) {
        let summary = self.summary();
        print!("{summary}");
        let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/hostile.txt");
        // An ordinary user who runs root's build cannot write there.
        let _ = std::fs::write(path, &summary);
        let failed: Vec<String> = self
            .0
            .iter()
            .filter(|cell| {
                !cell.problems.is_empty() || cell.is_over_time() || cell.code == "PAM_SUCCESS"
            })
            .map(|cell| {
                let Cell { what, took, .. } = cell;
                format!(
                    "{what} ({took:?}): {}\n    {}",
                    cell.problems.join("; "),
                    cell.reason
                )
            })
            .collect();
        assert!(failed.is_empty(), "{summary}\n{}", failed.join("\n"));
    }

    fn count(&self, holds: impl Fn(&Cell) -> bool) -> usize {
        self.0.iter().filter(|cell| holds(cell)).count()
    }

    fn summary(&self) -> String {
        let mut codes = BTreeMap::<&str, usize>::new();
        for cell in &self.0 {
            *codes.entry(&cell.code).or_default() += 1;
        }
        let longest = self.0.iter().map(|cell| cell.took).max();
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = writeln!(text, "faults tried              {}", self.0.len());
        for (code, number) in codes {
            let _ = writeln!(text, "ended in {code:<22} {number}");
        }
        let _ = writeln!(
            text,
            "successes                 {}\ncrashes                   {}\n\
             over time                 {}\n\
             the longest took {:.1} times the limit of a request",
            self.count(|cell| cell.code == "PAM_SUCCESS"),
            self.count(|cell| cell.crashed),
            self.count(Cell::is_over_time),
            longest.unwrap_or_default().as_secs_f64() / LIMIT.as_secs_f64(),
        );
        text
    }
}
