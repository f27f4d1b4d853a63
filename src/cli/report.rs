//! What a check has found, for people and for programs.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

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
    fn sign(self) -> (&'static str, Style) {
        let colour = |colour: AnsiColor| colour.on_default();
        match self {
            Self::Ok => ("✓", colour(AnsiColor::Green)),
            Self::Warning => ("!", colour(AnsiColor::Yellow).bold()),
            Self::Wrong => ("✗", colour(AnsiColor::Red).bold()),
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
}

impl Report {
    pub(crate) fn new(service: &str, config: String) -> Self {
        Self {
            service: service.into(),
            config,
            steps: Vec::new(),
            well: true,
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
        self.steps.push(Step {
            name,
            status,
            found: found.into(),
            remedy,
        });
    }

    /// Whether nothing is wrong.
    pub(crate) fn is_well(&self) -> bool {
        self.well
    }

    /// For programs: one object.
    ///
    /// # Errors
    /// Where the output is closed.
    pub(crate) fn print_json(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, self)?;
        writeln!(out)
    }

    /// For people: a line for each step, and below it what to do.
    ///
    /// # Errors
    /// Where the output is closed.
    pub(crate) fn print(&self) -> io::Result<()> {
        let mut out = anstream::stdout().lock();
        writeln!(out, "service {}, {}", self.service, self.config)?;
        writeln!(out)?;
        let width = self.steps.iter().map(|step| step.name.len()).max();
        let width = width.unwrap_or_default();
        for step in &self.steps {
            let (sign, style) = step.status.sign();
            let (name, found) = (step.name, &step.found);
            writeln!(out, "{style}{sign}{style:#} {name:width$}  {found}")?;
            if let Some(remedy) = &step.remedy {
                writeln!(out, "  {:width$}  → {remedy}", "")?;
            }
        }
        writeln!(out)?;
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
        writeln!(out, "{}.", parts.join("; "))
    }
}
