//! The type of a row, and what rows share.

use authentik_double::{Certificate, Double, Fault, Match};
use pam_harness::Outcome;
use pam_harness::script::ProcessOptions;

use crate::bench::{Bench, PASSWORD};

/// One row: an event and its expected result.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) cause: &'static str,
    pub(super) code: &'static str,
    pub(super) line: &'static str,
    pub(super) words: &'static str,
    pub(super) run: fn() -> Outcome,
}

pub(super) fn flow(flow: &str, secrets: &[&str]) -> Outcome {
    Bench::new().log_in(flow, "alice", secrets)
}

/// A login of alice in a process with these properties.
pub(super) fn in_process(bench: &Bench, process: ProcessOptions) -> Outcome {
    bench
        .pam("linux-login", "alice")
        .process(process)
        .authenticate()
        .run()
}

/// Before anything of a person was sent: the very first request fails.
pub(super) fn first(fault: impl FnOnce(Fault) -> Fault) -> Outcome {
    let bench = Bench::new().top("request_timeout = \"1s\"");
    bench
        .double
        .inject(fault(Fault::on(Match::get("executor"))));
    bench.log_in("linux-login", "alice", &[])
}

/// After it: the answer to the password fails.
pub(super) fn later(fault: impl FnOnce(Fault) -> Fault) -> Outcome {
    let bench = Bench::new().top("request_timeout = \"1s\"");
    bench
        .double
        .inject(fault(Fault::on(Match::post("executor").nth(2))));
    bench.log_in("linux-login", "alice", &[PASSWORD])
}

pub(super) fn certificate(certificate: Certificate) -> Outcome {
    Bench::with(Double::builder().certificate(certificate)).log_in("linux-login", "alice", &[])
}

/// The server's CA is in a bundle of many, of which the first is changed.
pub(super) fn by_a_bundle(certificate: Certificate, change: fn(&str) -> String) -> Outcome {
    let bench = Bench::with(Double::builder().certificate(certificate));
    bench
        .by_a_bundle("linux-login", "alice", change)
        .authenticate()
        .run()
}

pub(super) fn configured(text: &'static str) -> Outcome {
    let bench = Bench::new();
    bench
        .pam("linux-login", "alice")
        .config(text)
        .authenticate()
        .run()
}

pub(super) fn user(bench: Bench, name: &str, secrets: &[&str]) -> Outcome {
    let outcome = bench.log_in("linux-login", name, secrets);
    assert_eq!(
        bench.requests(),
        [""; 0],
        "the module sent {name:?} to authentik"
    );
    outcome
}

/// Without a descriptor nothing can be logged either.
pub(super) const NO_LINE: &str = "(none)";
pub(super) const NOT_ACCEPTED: &str = "That password was not accepted.";
pub(super) const NOT_SET_UP: &str = "not set up correctly on this host";
pub(super) const UNREACHABLE: &str = "cannot be reached or does not answer";
pub(super) const UNCONFIRMED: &str = "did not confirm who you are";
