//! Faults in the transport, the head or the status of an answer.

use std::time::Duration;

use authentik_double::{Fault, Match};

use super::bodies::RIGHT;
use super::table::Cell;
use super::{DOUBT, Moment, PROOF, REFUSED, Trouble, bench, cell};
use crate::bench::{Bench, PASSWORD};

fn trouble(
    name: &'static str,
    line: &'static str,
    strike: impl Fn(Fault) -> Fault + Send + Sync + 'static,
) -> Trouble {
    Trouble {
        name,
        line,
        codes: DOUBT,
        in_body: false,
        strike: Box::new(strike),
    }
}

/// A fault in the body of the double's own answer.
fn in_body(
    name: &'static str,
    line: &'static str,
    strike: impl Fn(Fault) -> Fault + Send + Sync + 'static,
) -> Trouble {
    Trouble {
        in_body: true,
        ..trouble(name, line, strike)
    }
}

/// A server that stays silent until a limit passes.
fn silent(trouble: Trouble) -> Trouble {
    Trouble {
        line: LATE,
        codes: PROOF,
        ..trouble
    }
}

/// These bytes, then the connection closes.
fn raw(name: &'static str, line: &'static str, bytes: Vec<u8>) -> Trouble {
    trouble(name, line, move |fault| fault.raw(bytes.clone()))
}

/// A status other than 200 with a body that would be enough for a login.
fn status(status: u16, codes: [&'static str; 5], line: &'static str) -> Trouble {
    let name = format!("status {status} over the right body").leak();
    Trouble {
        codes,
        ..trouble(name, line, move |fault| {
            fault.answer(status, "application/json", RIGHT)
        })
    }
}

fn redirect(name: &'static str, location: &'static str) -> Trouble {
    trouble(name, "", move |fault| {
        fault
            .answer(302, "application/json", RIGHT)
            .header("Location", location)
    })
}

fn right_with_head(head: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{head}\r\n\r\n{RIGHT}").into()
}

const GONE: &str = "no connection to the authentik server";
const LATE: &str = "took longer than request_timeout";
const NO_HTTP: &str = "not valid HTTP";

pub(super) fn rows() -> Vec<Trouble> {
    let length = RIGHT.len();
    let long_line = format!("X: {}", "x".repeat(1 << 20));
    let many_lines = vec![format!("Content-Length: {length}"); 1000].join("\r\n");
    let continues = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(20_000);
    // A 4xx may be caused by a person, who throttles or blocks the host.
    let theirs = [REFUSED; 5];
    let missing = [
        "PAM_SERVICE_ERR",
        REFUSED,
        REFUSED,
        REFUSED,
        "PAM_SERVICE_ERR",
    ];
    vec![
        trouble("a connection that is closed", GONE, Fault::close),
        trouble(
            "a connection that is closed over the request's body",
            GONE,
            Fault::close_while_reading,
        ),
        trouble("an answer that is lost", GONE, Fault::lose_answer),
        in_body("half an answer", "", Fault::halve),
        silent(trouble("no answer", LATE, Fault::never_answer)),
        silent(trouble("a head a byte at a time", LATE, |fault| {
            fault.drip_head(Duration::from_millis(200))
        })),
        silent(in_body("a body a byte at a time", LATE, |fault| {
            fault.drip(Duration::from_millis(200))
        })),
        silent(in_body("a body that stops coming", LATE, |fault| {
            fault.drip(Duration::from_secs(60))
        })),
        trouble("a body without end", "too large", Fault::endless_body),
        raw(
            "a body of 1 GiB by its length",
            "",
            right_with_head("Content-Length: 1073741824"),
        ),
        raw(
            "a length that is no number",
            "",
            right_with_head("Content-Length: 0x10"),
        ),
        raw(
            "a length below zero",
            "",
            right_with_head("Content-Length: -1"),
        ),
        raw(
            "two lengths",
            "",
            right_with_head(&format!("Content-Length: 2\r\nContent-Length: {length}")),
        ),
        raw("a thousand lengths", "", right_with_head(&many_lines)),
        raw(
            "a chunk larger than all memory",
            "",
            right_with_head("Transfer-Encoding: chunked\r\n\r\nffffffffffffffff0"),
        ),
        raw(
            "a line of 1 MiB in the head",
            "",
            right_with_head(&long_line),
        ),
        raw("twenty thousand promises of an answer", "", continues),
        raw(
            "the greeting of another protocol",
            NO_HTTP,
            b"SSH-2.0-x\r\n".to_vec(),
        ),
        raw("zeros", NO_HTTP, vec![0; 4096]),
        raw(
            "HTTP/2, unasked",
            NO_HTTP,
            b"\x00\x00\x12\x04\x00\x00\x00\x00\x00".to_vec(),
        ),
        raw(
            "a status of four digits",
            NO_HTTP,
            b"HTTP/1.1 2000 OK\r\n\r\n".to_vec(),
        ),
        // Statuses.
        status(201, DOUBT, "HTTP status 201"),
        status(203, DOUBT, "HTTP status 203"),
        status(206, DOUBT, "HTTP status 206"),
        status(300, DOUBT, "HTTP status 300"),
        // At users/me the log says more about it.
        status(400, theirs, "HTTP "),
        status(401, theirs, ""),
        status(403, theirs, ""),
        status(404, missing, "HTTP"),
        status(405, theirs, "HTTP status 405"),
        status(407, theirs, "HTTP status 407"),
        status(429, theirs, "throttles"),
        status(500, PROOF, "HTTP status 500"),
        status(502, PROOF, "HTTP status 502"),
        status(503, PROOF, "HTTP status 503"),
        status(504, PROOF, "HTTP status 504"),
        status(599, PROOF, "HTTP status 599"),
        trouble("status 204", "HTTP status 204", |fault| {
            fault.raw(*b"HTTP/1.1 204 No Content\r\n\r\n")
        }),
        trouble("status 304", "HTTP status 304", |fault| {
            fault.raw(*b"HTTP/1.1 304 Not Modified\r\n\r\n")
        }),
        trouble("a redirect to nowhere", "HTTP status 302", |fault| {
            fault.answer(302, "application/json", RIGHT)
        }),
        // Redirects: the target of the last one does not exist, because none is followed.
        redirect("a redirect to another host", "https://evil.example/api/v3/"),
        redirect(
            "a redirect to http",
            "http://localhost/api/v3/flows/executor/linux-login/",
        ),
        redirect(
            "a redirect to another host without a scheme",
            "//evil.example/api/v3/flows/executor/linux-login/",
        ),
        redirect(
            "a redirect to another host by a backslash",
            "/\\evil.example/api/v3/flows/executor/linux-login/",
        ),
        redirect(
            "a redirect that names this host as a user",
            "https://localhost@evil.example/api/v3/flows/executor/linux-login/",
        ),
        redirect(
            "a redirect to another flow",
            "/api/v3/flows/executor/danger-empty/",
        ),
        redirect(
            "a redirect to a path that leads back",
            "/api/v3/flows/executor/x/../linux-login/",
        ),
        redirect("a redirect to a file", "file:///etc/passwd"),
    ]
}

type Run = Box<dyn Fn() -> Cell + Send + Sync>;

/// Answers without an end, from a moment of the flow on.
pub(super) fn without_end() -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for moment in [
        Moment::FirstGet,
        Moment::AfterName,
        Moment::AfterPassword,
        Moment::UsersMe,
        Moment::CheckAccess,
    ] {
        runs.push(Box::new(move || redirects_without_end(moment)));
    }
    for moment in [Moment::FirstGet, Moment::AfterName, Moment::AfterPassword] {
        runs.push(Box::new(move || stages_without_end(moment)));
        runs.push(Box::new(move || a_stage_that_stays(moment)));
    }
    runs
}

fn redirects_without_end(moment: Moment) -> Cell {
    let bench = bench();
    let path = match moment {
        Moment::UsersMe => "/api/v3/core/users/me/",
        Moment::CheckAccess => "/api/v3/core/applications/linux-open/check_access/",
        _ => "/api/v3/flows/executor/linux-login/",
    };
    let back = |when: Match| {
        Fault::on(when)
            .answer(302, "application/json", RIGHT)
            .header("Location", path)
    };
    let (requests, nth) = moment.request();
    bench.double.inject(back(requests.from(nth)));
    if moment.posts() > 0 {
        // The double's own GETs end with the one behind each answer.
        let gets = Match::get("executor/linux-login").from(moment.posts() + 1);
        if matches!(moment, Moment::AfterName | Moment::AfterPassword) {
            bench.double.inject(back(gets));
        }
    }
    let line = match moment {
        Moment::UsersMe | Moment::CheckAccess => "HTTP status 302",
        _ => "redirects too often",
    };
    cell("redirects too often", moment.name(), REFUSED, line, || {
        let pam = bench.pam("linux-login", "alice");
        pam.answer_every_secret(PASSWORD).authenticate().try_run()
    })
}

/// Each stage differs from the last one.
fn stages_without_end(moment: Moment) -> Cell {
    let line = "has not ended after 100 challenges";
    stages(
        "stages without end",
        moment,
        REFUSED,
        line,
        |bench, first| {
            for number in 0..=100 {
                let dummy = dummy(&format!("stage {number}"));
                let post = Match::post("executor/linux-login").nth(first + number);
                bench.double.inject(Fault::on(post).json(200, &dummy));
            }
        },
    )
}

/// A stage that returns whenever it is answered.
fn a_stage_that_stays(moment: Moment) -> Cell {
    let line = "it does not move on when it is answered";
    stages(
        "a stage that stays",
        moment,
        "PAM_SERVICE_ERR",
        line,
        |bench, first| {
            let post = Match::post("executor/linux-login").from(first);
            bench
                .double
                .inject(Fault::on(post).json(200, &dummy("again")));
        },
    )
}

fn dummy(name: &str) -> serde_json::Value {
    serde_json::json!({"component": "ak-stage-dummy", "name": name})
}

/// A stage at `moment`; from this POST on `inject` replaces all answers.
fn stages(
    name: &str,
    moment: Moment,
    code: &'static str,
    line: &str,
    inject: impl FnOnce(&Bench, usize),
) -> Cell {
    let bench = bench();
    let (requests, nth) = moment.request();
    let first = Fault::on(requests.from(nth)).json(200, &dummy("again"));
    bench.double.inject(first);
    inject(&bench, moment.posts() + 1);
    cell(name, moment.name(), code, line, || {
        let pam = bench.pam("linux-login", "alice");
        pam.answer_every_secret(PASSWORD).authenticate().try_run()
    })
}
