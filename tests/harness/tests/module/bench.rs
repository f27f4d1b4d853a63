//! A login with the built module, through the real libpam, against its own double of authentik.

use std::sync::Arc;

use authentik_double::{Double, DoubleBuilder, stranger_pem};
use pam_harness::{Module, Outcome, Pam};

/// The password of all users in the double.
pub(crate) const PASSWORD: &str = "correct-horse";

/// A double and a configuration.
pub(crate) struct Bench {
    pub(crate) double: Arc<Double>,
    head: Vec<String>,
    tail: Vec<String>,
    access: String,
    arguments: String,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(Double::builder().without_pause())
    }

    pub(crate) fn with(builder: DoubleBuilder) -> Self {
        Self {
            double: Arc::new(builder.start()),
            head: vec!["fail_delay = \"0s\"".into()],
            tail: Vec::new(),
            access: "allow_any_user = true".into(),
            arguments: "config={config}".into(),
        }
    }

    /// A key at the top of the configuration.
    pub(crate) fn top(mut self, line: &str) -> Self {
        let key = line.split('=').next().unwrap_or_default().to_owned();
        self.head.retain(|old| !old.starts_with(&key));
        self.head.push(line.to_owned());
        self
    }

    /// A section of the configuration.
    pub(crate) fn section(mut self, text: &str) -> Self {
        self.tail.push(text.to_owned());
        self
    }

    /// The contents of `[access]`.
    pub(crate) fn access(mut self, line: &str) -> Self {
        self.access = line.to_owned();
        self
    }

    /// Arguments after `config=`.
    pub(crate) fn arguments(mut self, more: &str) -> Self {
        self.arguments = format!("config={{config}} {more}");
        self
    }

    /// The configuration for `flow`; `{ca}` is replaced by the file of the double's CA.
    pub(crate) fn configuration(&self, flow: &str) -> String {
        let has = |key: &str| self.head.iter().any(|line| line.starts_with(key));
        let mut lines = self.head.clone();
        if !has("url") {
            lines.push(format!("url = \"{}\"", self.double.url()));
        }
        if !has("flow") {
            lines.push(format!("flow = \"{flow}\""));
        }
        if !has("ca_file") {
            lines.push("ca_file = \"{dir}/ca.pem\"".into());
        }
        format!(
            "{}\n[access]\n{}\n{}\n",
            lines.join("\n"),
            self.access,
            self.tail.join("\n")
        )
    }

    /// A user at the prompt of `flow`. The test adds the answers.
    pub(crate) fn pam(&self, flow: &str, user: &str) -> Pam {
        self.pam_with(&Module::built(), flow, user)
    }

    /// The same with the server's CA in a bundle of many, of which the first is changed.
    pub(crate) fn by_a_bundle(&self, flow: &str, user: &str, change: fn(&str) -> String) -> Pam {
        let mut bundle = change(&stranger_pem("the first stranger"));
        for number in 0..8 {
            bundle.push_str(&stranger_pem(&format!("stranger {number}")));
        }
        bundle.push_str(self.double.ca_pem());
        let configuration = self.configuration(flow);
        self.pam(flow, user)
            .file("bundle.pem", &bundle)
            .config(&configuration.replace("/ca.pem", "/bundle.pem"))
    }

    /// The same with another build of the module.
    pub(crate) fn pam_with(&self, module: &Module, flow: &str, user: &str) -> Pam {
        self.describe(module, "sshd", flow).user(user)
    }

    /// The same for another service, and without a user.
    pub(crate) fn pam_for(&self, service: &str, flow: &str) -> Pam {
        self.describe(&Module::built(), service, flow)
    }

    fn describe(&self, module: &Module, service: &str, flow: &str) -> Pam {
        Pam::new(module)
            .service(service)
            .rhost("192.0.2.7")
            .tty("ssh")
            .file("ca.pem", self.double.ca_pem())
            .config(&self.configuration(flow))
            .arguments(&self.arguments)
    }

    /// One `pam_authenticate` of `user`, who gives these answers, all hidden.
    pub(crate) fn log_in(&self, flow: &str, user: &str, secrets: &[&str]) -> Outcome {
        let pam = self.pam(flow, user);
        secrets
            .iter()
            .fold(pam, |pam, secret| pam.answer_secret(secret))
            .authenticate()
            .run()
    }

    /// The requests so far, as `GET /path`.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.double
            .requests()
            .iter()
            .map(|request| format!("{} {}", request.method, request.path))
            .collect()
    }

    /// Whether the body of a request contained this text.
    pub(crate) fn was_sent(&self, text: &str) -> bool {
        self.double
            .requests()
            .iter()
            .any(|request| String::from_utf8_lossy(&request.body).contains(text))
    }
}

/// Answers with the password, and logs in.
pub(crate) fn login(pam: Pam) -> Pam {
    pam.answer_secret(PASSWORD).authenticate()
}

/// The start of a line for a refused secret.
const REFUSED: &str = "): refused answer: ";

/// The lines of refused secrets, in their order.
pub(crate) fn refused(outcome: &Outcome) -> Vec<String> {
    let lines = outcome.log().iter();
    lines
        .filter_map(|line| line.text.split_once(REFUSED))
        .map(|(_, said)| said.to_owned())
        .collect()
}

/// The one line that every login leaves.
#[track_caller]
pub(crate) fn line(outcome: &Outcome) -> String {
    let lines: Vec<String> = outcome
        .log()
        .iter()
        .filter(|line| !line.text.contains("debug: ") && !line.text.contains(REFUSED))
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        lines.len(),
        1,
        "the log does not have exactly one line: {lines:#?}\n{}",
        outcome.transcript()
    );
    lines.into_iter().next().unwrap_or_default()
}

/// Fails unless the login ended in `code` and its line holds `parts`.
#[track_caller]
pub(crate) fn expect(outcome: &Outcome, code: &str, parts: &[&str]) {
    let line = line(outcome);
    assert_eq!(
        outcome.code().to_string(),
        code,
        "{line}\n{}",
        outcome.transcript()
    );
    assert!(
        line.contains(&format!("pam_authentik_flow(sshd:auth): {code}:")),
        "{line}"
    );
    for part in parts {
        assert!(line.contains(part), "{part:?} is not in {line}");
    }
}
