//! The inside of a [`pam_harness::host::RealHost`]: its first process, and the entry for every
//! program that a test runs on it.
//!
//! `host-run host PLAN` makes the namespaces; `host-run enter PID JOB` does a
//! job in those of the process PID; `host-run first PLAN` and `host-run job JOB`
//! are how it calls itself inside. `host-run batch` does many runs of programs,
//! which it reads from standard input, in the host where it is. `host-run login-as
//! SERVICE USER [TTY]` is an application of PAM like a screen locker. `host-run flood
//! SECONDS` writes to the log without a pause.

use pam_harness::host::{driver, inside};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["host", plan] => inside::make_host(plan),
        ["first", plan] => inside::first_process(plan),
        ["enter", pid, job] => inside::enter(pid, job),
        ["job", job] => inside::do_job(job),
        ["batch"] => driver::do_batch(),
        ["login-as", service, user] => inside::login_as(service, user, None),
        ["login-as", service, user, tty] => inside::login_as(service, user, Some(tty)),
        ["flood", seconds] => inside::flood(seconds),
        _ => Err(format!("host-run does not know {words:?}")),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(why) => {
            eprintln!("host-run: {why}");
            ExitCode::from(125)
        }
    }
}
