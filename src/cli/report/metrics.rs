//! A report as numbers, in the text format of Prometheus.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Report, Status, Step};

/// What is measured. One that was not found out has no sample at all: a 0 says that
/// something is known not to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Measure {
    ServerUp,
    ServerResponse,
    CertificateExpiry,
    ClockAhead,
    OutpostTokenAccepted,
    LookupTokenAccepted,
    StackGood,
    LocalWayIn,
}

impl Measure {
    const ALL: [Self; 8] = [
        Self::ServerUp,
        Self::ServerResponse,
        Self::CertificateExpiry,
        Self::ClockAhead,
        Self::OutpostTokenAccepted,
        Self::LookupTokenAccepted,
        Self::StackGood,
        Self::LocalWayIn,
    ];

    /// Its name, without `authentik_flow_`, and what it says.
    fn described(self) -> (&'static str, &'static str) {
        match self {
            Self::ServerUp => (
                "server_up",
                "1 if authentik answers as it should, 0 if it or the way to it fails.",
            ),
            Self::ServerResponse => (
                "server_response_seconds",
                "How long authentik took for the answer to one small request.",
            ),
            Self::CertificateExpiry => (
                "certificate_expiry_timestamp_seconds",
                "When the server's certificate expires, in seconds since 1970.",
            ),
            Self::ClockAhead => (
                "clock_ahead_seconds",
                "How far authentik's clock is ahead of this host's. Below 0: it is behind.",
            ),
            Self::OutpostTokenAccepted => (
                "outpost_token_accepted",
                "1 if the flow begins with this host's outpost token and refuses a wrong one, 0 if it is denied with this host's.",
            ),
            Self::LookupTokenAccepted => (
                "lookup_token_accepted",
                "1 if authentik lets the token of [account] look people up, 0 if not.",
            ),
            Self::StackGood => (
                "stack_good",
                "1 if nothing is wrong with the PAM stack of this service, which names the module, 0 if something is.",
            ),
            Self::LocalWayIn => (
                "local_way_in",
                "1 if an account with a local password gets in by this service while authentik is down, 0 if none does.",
            ),
        }
    }
}

/// A number that was measured.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    measure: Measure,
    service: String,
    /// The address of authentik; nothing where it is about this host alone.
    server: Option<String>,
    value: String,
}

/// A number as the text format has it.
pub(crate) trait Value {
    fn text(self) -> String;
}

impl Value for bool {
    fn text(self) -> String {
        u8::from(self).to_string()
    }
}

impl Value for i64 {
    fn text(self) -> String {
        self.to_string()
    }
}

impl Value for Duration {
    fn text(self) -> String {
        format!("{}.{:06}", self.as_secs(), self.subsec_micros())
    }
}

impl Report {
    /// Notes a number about authentik at this address, for the service that the steps
    /// are about.
    pub(crate) fn measure_of_server(&mut self, measure: Measure, server: &str, value: impl Value) {
        let service = self.scope.as_ref().unwrap_or(&self.head.service).clone();
        self.samples.push(Sample {
            measure,
            service,
            server: Some(server.to_owned()),
            value: value.text(),
        });
    }

    /// Notes a number about a service of this host.
    pub(crate) fn measure_of_service(
        &mut self,
        measure: Measure,
        service: &str,
        value: impl Value,
    ) {
        self.samples.push(Sample {
            measure,
            service: service.to_owned(),
            server: None,
            value: value.text(),
        });
    }

    /// The report in the text format of Prometheus.
    pub(crate) fn metrics(&self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default();
        let mut text = Text::default();
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        text.family(
            "build_info",
            "The version of authentik-flow. The value is always 1.",
        );
        text.sample("build_info", &version, "1");
        text.family(
            "check_timestamp_seconds",
            "When this check ended, in seconds since 1970.",
        );
        text.sample("check_timestamp_seconds", &[], &now.as_secs().to_string());
        text.family("check_duration_seconds", "How long this check took.");
        text.sample("check_duration_seconds", &[], &self.begun.elapsed().text());
        self.findings(&mut text);
        for measure in Measure::ALL {
            let (name, help) = measure.described();
            let samples = self.samples.iter().filter(|one| one.measure == measure);
            let mut samples = samples.peekable();
            if samples.peek().is_some() {
                text.family(name, help);
            }
            for sample in samples {
                let mut labels = vec![("service", sample.service.as_str())];
                labels.extend(sample.server.as_deref().map(|server| ("server", server)));
                text.sample(name, &labels, &sample.value);
            }
        }
        text.text
    }

    /// The findings of `check`: how many of each status, and each that is not good.
    fn findings(&self, text: &mut Text) {
        text.family("findings", "How many findings have this status.");
        for status in [Status::Ok, Status::Warning, Status::Wrong, Status::Unknown] {
            let count = self.steps.iter().filter(|step| step.status == status);
            let count = count.count().to_string();
            text.sample("findings", &[("status", status.word())], &count);
        }
        let open = self.steps.iter().filter(|step| step.status != Status::Ok);
        let open: BTreeSet<(&str, &str, &str)> =
            open.flat_map(|step| self.with_services(step)).collect();
        if !open.is_empty() {
            text.family(
                "finding",
                "1 for each finding that is not ok; check --json has the same ids.",
            );
        }
        for (id, status, service) in open {
            let labels = [("id", id), ("status", status), ("service", service)];
            text.sample("finding", &labels, "1");
        }
    }

    /// A finding for each of its services, which may share a field.
    fn with_services<'a>(
        &'a self,
        step: &'a Step,
    ) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> {
        let own = step
            .services
            .is_empty()
            .then_some(self.head.service.as_str());
        let services = step.services.iter().flat_map(|names| names.split(", "));
        own.into_iter()
            .chain(services)
            .map(|service| (step.id, step.status.word(), service))
    }
}

/// Lines of the format.
#[derive(Default)]
struct Text {
    text: String,
}

impl Text {
    /// Begins a metric. All of them are gauges: each check measures again.
    fn family(&mut self, name: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = write!(
            self.text,
            "# HELP authentik_flow_{name} {help}\n# TYPE authentik_flow_{name} gauge\n"
        );
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: &str) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        let labels = match labels.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", labels.join(",")),
        };
        let _ = writeln!(self.text, "authentik_flow_{name}{labels} {value}");
    }
}

/// A label's value, which ends at a quote and a line's end: a file of `/etc/pam.d` may
/// have any name.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
