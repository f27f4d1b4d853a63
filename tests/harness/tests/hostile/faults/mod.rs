//! A table of faults of the server and the network, each at every moment of a login.
//!
//! Each cell is a separate login. None may succeed, crash, or exceed the configured limits, and
//! each has its code and its line in the log. The results are written to `hostile.txt`, which
//! `make test` prints.

mod answers;
mod bodies;
mod impostors;
mod push;
mod table;
mod way;

use std::time::{Duration, Instant};

use authentik_double::{Double, Fault, Match};
use pam_harness::Outcome;
use pam_harness::threads::spawn;

use crate::bench::{Bench, PASSWORD};
use table::{Cell, Table};

/// The limit for a request in all cells.
const LIMIT: Duration = Duration::from_secs(1);

/// The moment of a login at which the fault occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    FirstGet,
    AfterName,
    AfterPassword,
    UsersMe,
    CheckAccess,
}

impl Moment {
    const ALL: [Moment; 5] = [
        Moment::FirstGet,
        Moment::AfterName,
        Moment::AfterPassword,
        Moment::UsersMe,
        Moment::CheckAccess,
    ];

    fn name(self) -> &'static str {
        match self {
            Moment::FirstGet => "at the first request",
            Moment::AfterName => "after the name",
            Moment::AfterPassword => "after the password",
            Moment::UsersMe => "at users/me",
            Moment::CheckAccess => "at check_access",
        }
    }

    /// The requests of its kind, and which of them is affected.
    fn request(self) -> (Match, usize) {
        match self {
            Moment::FirstGet => (Match::get("executor/linux-login"), 1),
            Moment::AfterName => (Match::post("executor/linux-login"), 1),
            Moment::AfterPassword => (Match::post("executor/linux-login"), 2),
            Moment::UsersMe => (Match::get("users/me"), 1),
            Moment::CheckAccess => (Match::get("check_access"), 1),
        }
    }

    /// The request whose answer has a body: a person's answer gets a redirect, and the GET
    /// after it gets a challenge.
    fn body(self) -> (Match, usize) {
        let gets = Match::get("executor/linux-login");
        match self {
            Moment::AfterName => (gets, 2),
            Moment::AfterPassword => (gets, 3),
            other => other.request(),
        }
    }

    /// How many answers are sent until then. From the second on, a password is among them.
    fn posts(self) -> usize {
        match self {
            Moment::FirstGet => 0,
            Moment::AfterName => 1,
            _ => 2,
        }
    }
}

/// One row: a fault, and the expected result at each moment.
struct Trouble {
    name: &'static str,
    /// A part of the reason in the log.
    line: &'static str,
    /// The codes, for each [`Moment`].
    codes: [&'static str; 5],
    /// Whether it changes the body of the double's own answer.
    in_body: bool,
    strike: Box<dyn Fn(Fault) -> Fault + Send + Sync>,
}

const UNAVAILABLE: &str = "PAM_AUTHINFO_UNAVAIL";
const REFUSED: &str = "PAM_AUTH_ERR";
/// A fault that proves that the server is unavailable, if it affects the first request.
const PROOF: [&str; 5] = [UNAVAILABLE, REFUSED, REFUSED, REFUSED, REFUSED];
/// A fault that proves nothing.
const DOUBT: [&str; 5] = [REFUSED; 5];

/// The double for the cells of a row, and the login of each.
fn bench() -> Bench {
    Bench::with(Double::builder().without_pause())
        .top("request_timeout = \"1s\"")
        .top("connect_timeout = \"1s\"")
        .access("application = \"linux-open\"")
}

fn play(bench: &Bench, trouble: &Trouble, moment: Moment) -> Cell {
    bench.double.clear_faults();
    bench.double.clear_requests();
    let (requests, nth) = match trouble.in_body {
        true => moment.body(),
        false => moment.request(),
    };
    let fault = Fault::on(requests.nth(nth));
    bench.double.inject((trouble.strike)(fault));
    let begun = Instant::now();
    let pam = bench.pam("linux-login", "alice");
    let pam = pam.answer_every_secret(PASSWORD).authenticate();
    let outcome = pam.timeout(Duration::from_secs(20)).try_run();
    let code = trouble.codes[moment as usize];
    let mut cell = Cell::new(trouble.name, moment.name(), outcome, begun.elapsed());
    cell.expect(code, trouble.line);
    let sent: Vec<_> = bench
        .double
        .requests()
        .into_iter()
        .filter(|request| request.method == "POST")
        .map(|request| request.body)
        .collect();
    cell.require(
        sent.len() == moment.posts(),
        &format!("{} answers were sent", sent.len()),
    );
    let passwords = sent
        .iter()
        .filter(|body| String::from_utf8_lossy(body).contains(PASSWORD))
        .count();
    cell.require(passwords <= 1, "the password was sent twice");
    cell
}

/// The results of `work` for each of `items`, a few at a time, because most wait for a limit.
fn in_parallel<T: Send + Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let done = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            spawn(scope, || {
                loop {
                    let index = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some(item) = items.get(index) else { return };
                    let result = work(item);
                    done.lock().expect("the results").push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("the results");
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[test]
fn no_fault_of_server_or_network_is_a_login_a_crash_or_a_hang() {
    pam_harness::require_isolation!();
    let mut table = Table::new();
    let troubles: Vec<Trouble> = answers::rows().into_iter().chain(bodies::rows()).collect();
    let rows = in_parallel(&troubles, |trouble| {
        let bench = bench();
        Moment::ALL.map(|moment| play(&bench, trouble, moment))
    });
    table.extend(rows.into_iter().flatten());
    table.extend(in_parallel(&answers::without_end(), |run| run()));
    table.extend(in_parallel(&way::rows(), |run| run()));
    table.extend(in_parallel(&impostors::rows(), |run| run()));
    table.extend(in_parallel(&answers::rows(), push::play));
    table.judge();
}

/// A login that starts well and is affected later, for rows that arrange it themselves.
fn cell(
    name: &str,
    moment: &str,
    code: &str,
    line: &str,
    run: impl FnOnce() -> Result<Outcome, pam_harness::HarnessError>,
) -> Cell {
    let begun = Instant::now();
    let outcome = run();
    let mut cell = Cell::new(name, moment, outcome, begun.elapsed());
    cell.expect(code, line);
    cell
}
