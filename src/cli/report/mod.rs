//! The findings of a command, for people and for programs.

mod ids;
mod metrics;
mod page;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use time::OffsetDateTime;

pub(crate) use metrics::Measure;
pub(crate) use page::{Page, arrow};

/// The result of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// All is well.
    Ok,
    /// It works, but deserves a look.
    Warning,
    /// It does not work, or is dangerous.
    Wrong,
    /// The command cannot find it out.
    Unknown,
}

impl Status {
    /// Its word, in JSON and in labels.
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Wrong => "wrong",
            Self::Unknown => "unknown",
        }
    }
}

/// One step.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Step {
    /// A stable id of the finding, such as `flow.missing`.
    pub(crate) id: &'static str,
    /// The subject, for people.
    pub(crate) name: &'static str,
    pub(crate) status: Status,
    /// The services that it concerns.
    services: Vec<String>,
    /// What was found.
    pub(crate) found: String,
    /// What to do about it.
    pub(crate) remedy: Option<String>,
    /// Numbers, with their units in the names.
    values: BTreeMap<&'static str, i64>,
}

impl Step {
    pub(crate) fn new(
        id: &'static str,
        status: Status,
        found: impl Into<String>,
        remedy: Option<String>,
    ) -> Self {
        Self {
            id,
            name: ids::name_of(id),
            status,
            services: Vec::new(),
            found: found.into(),
            remedy,
            values: BTreeMap::new(),
        }
    }

    /// The same finding for these services.
    pub(crate) fn of(mut self, services: &[String]) -> Self {
        self.services = services.to_vec();
        self
    }
}

/// How a report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// Each step as soon as it is known.
    Text,
    /// Only the steps that are wrong.
    Quiet,
    /// All at the end, as one object.
    Json,
    /// All at the end, as numbers: [`Report::metrics`] has them.
    Metrics,
}

/// The version of the JSON. It rises when a reader must change.
const FORMAT: u32 = 1;

/// All steps, in order.
#[derive(Debug)]
pub(crate) struct Report {
    head: Head,
    steps: Vec<Step>,
    samples: Vec<metrics::Sample>,
    /// The service of the next steps, if it is not the one that was asked for.
    scope: Option<String>,
    output: Output,
    page: Page,
    /// The width of the progress line on the screen.
    waiting: usize,
    begun: Instant,
    /// The first error of the output.
    unwritten: Option<io::Error>,
}

/// The subject of a report.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Head {
    pub(crate) service: String,
    /// The path of the configuration.
    pub(crate) config: String,
    /// Whether authentik was left out.
    pub(crate) offline: bool,
}

/// The report for programs.
#[derive(Serialize)]
struct Whole<'a> {
    format: u32,
    program_version: &'static str,
    /// When it was made, in UTC.
    time: String,
    took_milliseconds: u64,
    #[serde(flatten)]
    head: &'a Head,
    well: bool,
    findings: &'a [Step],
}

impl Report {
    /// A report that prints each step at once, or JSON at the end.
    pub(crate) fn new(head: Head, output: Output) -> Self {
        let title = format!("service {}, {}", head.service, head.config);
        let mut report = Self {
            head,
            steps: Vec::new(),
            samples: Vec::new(),
            scope: None,
            output,
            page: Page::of_stdout(),
            waiting: 0,
            begun: Instant::now(),
            unwritten: None,
        };
        if output == Output::Text {
            report.title(&title);
        }
        report
    }

    /// A report for people, under this title.
    pub(crate) fn titled(title: &str, service: &str) -> Self {
        let head = Head {
            service: service.into(),
            config: String::new(),
            offline: false,
        };
        let mut report = Self::new(head, Output::Quiet);
        report.output = Output::Text;
        report.title(title);
        report
    }

    fn title(&mut self, title: &str) {
        let text = format!("{}\n\n", self.page.wrapped(title, 0));
        self.write(&text);
    }

    fn write(&mut self, text: &str) {
        let mut out = anstream::stdout().lock();
        let erase = page::erased(std::mem::take(&mut self.waiting));
        let written = out
            .write_all(erase.as_bytes())
            .and_then(|()| out.write_all(text.as_bytes()))
            .and_then(|()| out.flush());
        if let (Err(error), None) = (written, &self.unwritten) {
            self.unwritten = Some(error);
        }
    }

    /// Shows on a terminal what the command is waiting for.
    pub(crate) fn waits_for(&mut self, what: &str) {
        if self.output != Output::Text {
            return;
        }
        if let Some((line, width)) = self.page.progress(what) {
            self.write(&line);
            self.waiting = width;
        }
    }

    /// The next steps are about this service.
    pub(crate) fn is_about(&mut self, service: Option<&str>) {
        self.scope = service.map(str::to_owned);
    }

    pub(crate) fn ok(&mut self, id: &'static str, found: impl Into<String>) {
        self.add(Step::new(id, Status::Ok, found, None));
    }

    pub(crate) fn warn(
        &mut self,
        id: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(Step::new(id, Status::Warning, found, Some(remedy.into())));
    }

    pub(crate) fn wrong(
        &mut self,
        id: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(Step::new(id, Status::Wrong, found, Some(remedy.into())));
    }

    pub(crate) fn unknown(
        &mut self,
        id: &'static str,
        found: impl Into<String>,
        remedy: Option<String>,
    ) {
        self.add(Step::new(id, Status::Unknown, found, remedy));
    }

    pub(crate) fn add(&mut self, mut step: Step) {
        if let Some(service) = &self.scope {
            step.found = format!("{service}: {}", step.found);
            step.services = vec![service.clone()];
        }
        let is_shown = match self.output {
            Output::Text => true,
            Output::Quiet => step.status == Status::Wrong,
            Output::Json | Output::Metrics => false,
        };
        if is_shown {
            let text = self.page.step(&step);
            self.write(&text);
        }
        self.steps.push(step);
    }

    /// Adds a number to the last step, for programs. The name ends in the unit.
    pub(crate) fn value(&mut self, name: &'static str, number: impl TryInto<i64>) {
        if let (Some(step), Ok(number)) = (self.steps.last_mut(), number.try_into()) {
            step.values.insert(name, number);
        }
    }

    /// Whether nothing is wrong.
    pub(crate) fn is_well(&self) -> bool {
        self.steps.iter().all(|step| step.status != Status::Wrong)
    }

    /// The steps until now.
    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Ends the text with these lines, without a count.
    ///
    /// # Errors
    /// Where the output is closed.
    pub(crate) fn finish_with(mut self, end: &str) -> io::Result<()> {
        self.write(end);
        self.unwritten.map_or(Ok(()), Err)
    }

    /// The page, for lines before and after the steps.
    pub(crate) fn page(&self) -> Page {
        self.page
    }

    /// Ends the report: with a line of counts for people, with one object for programs.
    ///
    /// # Errors
    /// Where the output is closed.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        match self.output {
            Output::Text => {
                let end = format!("\n{}\n", self.page.wrapped(&self.count(), 0));
                self.write(&end);
            }
            Output::Quiet => {}
            Output::Json => {
                let mut out = io::stdout().lock();
                serde_json::to_writer_pretty(&mut out, &self.whole())?;
                writeln!(out)?;
            }
            Output::Metrics => io::stdout().lock().write_all(self.metrics().as_bytes())?,
        }
        self.unwritten.map_or(Ok(()), Err)
    }

    fn whole(&self) -> Whole<'_> {
        Whole {
            format: FORMAT,
            program_version: env!("CARGO_PKG_VERSION"),
            time: now(),
            took_milliseconds: u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            head: &self.head,
            well: self.is_well(),
            findings: &self.steps,
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
            (Status::Unknown, "thing is unknown", "things are unknown"),
        ] {
            match count(status) {
                0 => {}
                1 => parts.push(format!("1 {one}")),
                number => parts.push(format!("{number} {many}")),
            }
        }
        if self.is_well() {
            parts.insert(0, "Nothing is wrong".into());
        }
        format!("{}.", parts.join("; "))
    }
}

/// The time as RFC 3339 writes it, in UTC.
fn now() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let time = i64::try_from(seconds)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}
