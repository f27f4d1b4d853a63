//! A user who answers the first prompt of a login after `login_timeout`, as at a greeter or a
//! screen locker. The time before the first answer does not count.

mod answers;
mod changes;
mod messages;

use std::fs;
use std::time::Duration;

use pam_harness::{Outcome, Pam};

use crate::bench::Bench;

/// `login_timeout` of these logins.
const LIMIT: &str = "login_timeout = \"1s\"";
/// Longer than that.
const LATE: Duration = Duration::from_millis(1300);

fn bench() -> Bench {
    Bench::new().top(LIMIT)
}

/// How many flows were started: each with a GET, after which a name is sent.
fn flows_begun(bench: &Bench) -> usize {
    bodies(bench, "\"uid_field\"")
}

/// How many requests had this text in their body.
fn bodies(bench: &Bench, part: &str) -> usize {
    let requests = bench.double.requests();
    let bodies = requests
        .iter()
        .map(|request| String::from_utf8_lossy(&request.body).into_owned());
    bodies.filter(|body| body.contains(part)).count()
}

#[track_caller]
fn asked_once(outcome: &Outcome) {
    assert_eq!(outcome.prompts().len(), 1, "{outcome}");
}

/// A user who types this late; `meanwhile` runs before.
fn answers_late(pam: Pam, typed: &str, meanwhile: impl Fn() + Send + Sync + 'static) -> Pam {
    let typed = typed.to_owned();
    pam.answer_secret_later(move |_| {
        std::thread::sleep(LATE);
        meanwhile();
        Some(typed.clone())
    })
}

/// `alice`, who types this late; meanwhile the configuration is changed by `change`.
fn with_changed_configuration(
    bench: &Bench,
    typed: &str,
    change: impl FnOnce(String) -> String,
) -> Pam {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    fs::write(path("ca.pem"), bench.double.ca_pem()).expect("a file");
    let config = path("config.toml");
    let before = bench
        .configuration("linux-login")
        .replace("{dir}", &directory.path().display().to_string());
    fs::write(&config, &before).expect("a file");
    let after = change(before);
    let pam = bench
        .pam("linux-login", "alice")
        .arguments(&format!("config={}", config.display()));
    answers_late(pam, typed, move || {
        fs::write(directory.path().join("config.toml"), &after).expect("a file");
    })
}
