//! The table: what is printed, and kept beside what was built.

use crate::stats::Sample;
use std::fmt::{self, Write};

/// Rows under a title.
#[derive(Clone, Debug)]
pub struct Table {
    /// What it is about.
    pub title: String,
    /// The columns' names.
    pub head: Vec<String>,
    /// The cells, row by row.
    pub rows: Vec<Vec<String>>,
    /// Notes for the reader.
    pub notes: Vec<String>,
}

impl Table {
    /// An empty one.
    pub fn new(title: &str, head: &[&str]) -> Table {
        Table {
            title: title.to_owned(),
            head: head.iter().map(|cell| (*cell).to_owned()).collect(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Adds a note.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.head.len();
        let width = |column: usize| {
            let cells = self.rows.iter().chain([&self.head]);
            let widths = cells
                .filter_map(|row| row.get(column))
                .map(|c| c.chars().count());
            widths.max().unwrap_or(0).max(3)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |row: &[String]| {
            let mut text = String::from("|");
            for (column, width) in widths.iter().enumerate() {
                let cell = row.get(column).map_or("", String::as_str);
                let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
                // Numbers are aligned to the right, so that their digits line up.
                let _ = if column == 0 {
                    write!(text, " {cell}{pad} |")
                } else {
                    write!(text, " {pad}{cell} |")
                };
            }
            text
        };
        writeln!(f, "\n### {}\n", self.title)?;
        writeln!(f, "{}", line(&self.head))?;
        let rule: Vec<String> = widths
            .iter()
            .enumerate()
            .map(|(column, width)| match column {
                0 => "-".repeat(*width),
                _ => format!("{}:", "-".repeat(width - 1)),
            })
            .collect();
        writeln!(f, "{}", line(&rule))?;
        for row in &self.rows {
            writeln!(f, "{}", line(row))?;
        }
        for note in &self.notes {
            writeln!(f, "\n{note}")?;
        }
        Ok(())
    }
}

/// The targets, and the values that were measured.
#[derive(Default)]
pub struct Targets(Vec<Vec<String>>);

impl Targets {
    /// Notes one: at most `limit`.
    pub fn at_most(&mut self, what: &str, unit: &str, limit: f64, measured: f64) {
        let verdict = if measured.is_nan() {
            "not measured"
        } else if measured <= limit {
            "met"
        } else {
            "MISSED"
        };
        let number = |value: f64| format!("{}{unit}", round(value));
        self.0.push(vec![
            what.to_owned(),
            number(limit),
            number(measured),
            verdict.to_owned(),
        ]);
    }

    /// The table of them.
    pub fn table(&self) -> Table {
        let mut table = Table::new("Targets", &["what", "at most", "measured", "verdict"]);
        table.rows.clone_from(&self.0);
        table
    }
}

/// A number with three significant digits.
pub fn round(value: f64) -> String {
    let places = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.places$}")
}

/// `2.91 (2.88–3.02)`: the median and the quartiles.
pub fn cell(sample: &Sample) -> String {
    if sample.is_empty() {
        return "–".into();
    }
    let (low, high) = sample.spread();
    format!(
        "{} ({}–{})",
        round(sample.median()),
        round(low),
        round(high)
    )
}

/// Thousands apart: `3,214,905`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(thousands(1), "1");
        assert_eq!(thousands(3_214_905), "3,214,905");
        assert_eq!(
            (round(2.9149), round(0.1), round(123.4)),
            ("2.91".into(), "0.100".into(), "123".into())
        );
    }

    #[test]
    fn a_table_is_markdown() {
        let mut table = Table::new("T", &["a", "b"]);
        table.row(["x".into(), "12.3".into()]);
        let text = table.to_string();
        assert!(text.contains("| x   | 12.3 |"), "{text}");
    }
}
