//! The server and the network, before and after a person sent something.

use authentik_double::{Certificate, Fault, Match};

use super::row::*;
use crate::bench::{Bench, PASSWORD};

pub(super) const ROWS: &[Row] = &[
    // The server and the network, before a person sent something.
    Row {
        cause: "nobody listens",
        code: "PAM_AUTHINFO_UNAVAIL",
        line: "no connection to the authentik server",
        words: UNREACHABLE,
        run: || {
            Bench::new()
                .top("url = \"https://127.0.0.1:1\"")
                .log_in("linux-login", "alice", &[])
        },
    },
    Row {
        cause: "a name that does not resolve",
        code: "PAM_AUTHINFO_UNAVAIL",
        line: "does not resolve",
        words: UNREACHABLE,
        run: || {
            Bench::new()
                .top("url = \"https://authentik.invalid\"")
                .log_in("linux-login", "alice", &[])
        },
    },
    Row {
        cause: "an expired certificate",
        code: "PAM_AUTHINFO_UNAVAIL",
        line: "it has expired",
        words: UNREACHABLE,
        run: || certificate(Certificate::Expired),
    },
    Row {
        cause: "a certificate for another name",
        code: "PAM_AUTHINFO_UNAVAIL",
        line: "another name than the host in `url`",
        words: UNREACHABLE,
        run: || certificate(Certificate::WrongHost),
    },
    Row {
        cause: "a certificate of another CA",
        code: "PAM_AUTHINFO_UNAVAIL",
        line: "a CA that is not trusted here",
        words: UNREACHABLE,
        run: || certificate(Certificate::OtherCa),
    },
    Row {
        cause: "a self-signed certificate",
        code: "PAM_AUTHINFO_UNAVAIL",
        line: "was refused",
        words: UNREACHABLE,
        run: || certificate(Certificate::SelfSigned),
    },
    Row {
        cause: "no answer, first of all",
        code: "PAM_AUTHINFO_UNAVAIL",
        line: "took longer than request_timeout",
        words: UNREACHABLE,
        run: || first(Fault::never_answer),
    },
    Row {
        cause: "a byte now and then, first of all",
        code: "PAM_AUTHINFO_UNAVAIL",
        line: "took longer than request_timeout",
        words: UNREACHABLE,
        run: || first(|fault| fault.drip(std::time::Duration::from_millis(300))),
    },
    Row {
        cause: "an endless body, first of all",
        code: "PAM_AUTH_ERR",
        line: "too large",
        words: UNREACHABLE,
        run: || first(Fault::endless_body),
    },
    Row {
        cause: "status 500, first of all",
        code: "PAM_AUTHINFO_UNAVAIL",
        line: "HTTP status 500",
        words: UNREACHABLE,
        run: || first(Fault::server_error),
    },
    Row {
        cause: "a proxy's 502, first of all",
        code: "PAM_AUTHINFO_UNAVAIL",
        line: "HTTP status 502",
        words: UNREACHABLE,
        run: || first(Fault::bad_gateway),
    },
    Row {
        cause: "a server that is starting",
        code: "PAM_AUTHINFO_UNAVAIL",
        line: "authentik is starting",
        words: UNREACHABLE,
        run: || first(Fault::starting),
    },
    Row {
        cause: "HTML with status 200, first of all",
        code: "PAM_AUTH_ERR",
        line: "Content-Type is not",
        words: UNREACHABLE,
        run: || first(|fault| fault.answer(200, "text/html", "<html>")),
    },
    Row {
        cause: "half an answer, first of all",
        code: "PAM_AUTH_ERR",
        line: "PAM_AUTH_ERR",
        words: UNREACHABLE,
        run: || first(Fault::halve),
    },
    Row {
        cause: "a redirect to another host, first of all",
        code: "PAM_AUTH_ERR",
        line: "redirects away from the executor, to https://evil.example/api",
        words: UNREACHABLE,
        run: || {
            first(|fault| {
                fault
                    .answer(302, "text/html", "")
                    .header("Location", "https://evil.example/api?secret=1")
            })
        },
    },
    Row {
        cause: "status 403, first of all",
        code: "PAM_AUTH_ERR",
        line: "HTTP status 403",
        words: UNREACHABLE,
        run: || first(|fault| fault.answer(403, "text/html", "")),
    },
    Row {
        cause: "a 503 that asks to come back later",
        code: "PAM_AUTH_ERR",
        line: "throttles",
        words: "is busy",
        run: || {
            first(|fault| {
                fault
                    .answer(503, "text/html", "")
                    .header("Retry-After", "60")
            })
        },
    },
    Row {
        cause: "a process that was stopped past a limit",
        code: "PAM_AUTH_ERR",
        line: "took longer than request_timeout, but the process was stopped meanwhile",
        words: "took too long",
        run: || {
            let bench = Bench::new().top("request_timeout = \"1s\"");
            bench
                .double
                .inject(Fault::on(Match::get("executor")).never_answer());
            let process = pam_harness::script::ProcessOptions {
                stopped: Some((300, 1500)),
                ..Default::default()
            };
            in_process(&bench, process)
        },
    },
    Row {
        cause: "a process that was stopped until the server hung up",
        code: "PAM_AUTH_ERR",
        line: "the server closed it, but the process was stopped meanwhile",
        words: "took too long",
        run: || {
            let bench = Bench::new();
            let fault = Fault::on(Match::get("executor"));
            bench
                .double
                .inject(fault.delay(std::time::Duration::from_millis(800)).close());
            let process = pam_harness::script::ProcessOptions {
                stopped: Some((300, 1500)),
                ..Default::default()
            };
            in_process(&bench, process)
        },
    },
    Row {
        cause: "a redirect to another path",
        code: "PAM_AUTH_ERR",
        line: "redirects away from the executor, to /api/v3/flows/executor/other/",
        words: UNREACHABLE,
        run: || {
            later(|fault| {
                fault
                    .answer(302, "text/html", "")
                    .header("Location", "/api/v3/flows/executor/other/?query=")
            })
        },
    },
    Row {
        cause: "errors beside a stage that goes on",
        code: "PAM_AUTH_ERR",
        line: "authentik refused the password: \\\"No.\\\"",
        words: NOT_ACCEPTED,
        run: || {
            later(|fault| {
                fault.json(
                    200,
                    &serde_json::json!({
                        "component": "ak-stage-dummy",
                        "response_errors": {"password": [{"string": "No.", "code": "invalid"}]},
                    }),
                )
            })
        },
    },
    Row {
        cause: "JSON that does not say it is",
        code: "PAM_AUTH_ERR",
        line: "Content-Type is not application/json",
        words: UNREACHABLE,
        run: || {
            first(|fault| fault.answer(200, "text/html", "{\"component\": \"xak-flow-redirect\"}"))
        },
    },
    Row {
        cause: "a CA file of certificates that are none",
        code: "PAM_SERVICE_ERR",
        line: "holds no certificate",
        words: NOT_SET_UP,
        run: || {
            let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
            let bench = Bench::new().top("ca_file = \"{dir}/junk.pem\"");
            bench
                .pam("linux-login", "alice")
                .file("junk.pem", junk)
                .authenticate()
                .run()
        },
    },
    Row {
        cause: "a certificate of another CA, by a bundle",
        code: "PAM_AUTHINFO_UNAVAIL",
        line: "a CA that is not trusted here",
        words: UNREACHABLE,
        run: || by_a_bundle(Certificate::OtherCa, str::to_owned),
    },
    Row {
        cause: "a certificate of another CA, by a bundle that is damaged",
        code: "PAM_SERVICE_ERR",
        line: "bundle.pem: is not PEM",
        words: NOT_SET_UP,
        run: || {
            by_a_bundle(Certificate::OtherCa, |stranger| {
                stranger.replacen("MI", "M*", 1)
            })
        },
    },
    Row {
        cause: "a password for a name, where [user] allow is set",
        code: "PAM_IGNORE",
        line: "user=(unknown)",
        words: "",
        run: || {
            user(
                Bench::new().section("[user]\nallow = [\"bob\"]\n"),
                "hunter2",
                &[],
            )
        },
    },
    // … and after.
    Row {
        cause: "a connection closed over the password",
        code: "PAM_AUTH_ERR",
        line: "no connection to the authentik server",
        words: UNREACHABLE,
        run: || later(Fault::close_while_reading),
    },
    Row {
        cause: "no answer to the password",
        code: "PAM_AUTH_ERR",
        line: "request_timeout",
        words: UNREACHABLE,
        run: || later(Fault::never_answer),
    },
    Row {
        cause: "status 500 to the password",
        code: "PAM_AUTH_ERR",
        line: "HTTP status 5",
        words: UNREACHABLE,
        run: || later(|fault| fault.answer(500, "text/html", "")),
    },
    Row {
        cause: "status 405 to the password",
        code: "PAM_AUTH_ERR",
        line: "HTTP status 405",
        words: UNREACHABLE,
        run: || later(Fault::server_error),
    },
    Row {
        cause: "a redirect to http after the password",
        code: "PAM_AUTH_ERR",
        line: "redirects away",
        words: UNREACHABLE,
        run: || {
            later(|fault| {
                fault.answer(302, "text/html", "").header(
                    "Location",
                    "http://localhost/api/v3/flows/executor/linux-login/",
                )
            })
        },
    },
    Row {
        cause: "a flow that never ends",
        code: "PAM_AUTH_ERR",
        line: "has not ended after 100 challenges",
        words: UNREACHABLE,
        run: || flow("linux-endless", &[]),
    },
    Row {
        cause: "endless redirects",
        code: "PAM_AUTH_ERR",
        line: "redirects too often",
        words: UNREACHABLE,
        run: || flow("linux-loop", &[]),
    },
    Row {
        cause: "somebody who types a code past login_timeout",
        code: "PAM_AUTH_ERR",
        line: "longer than login_timeout",
        words: "took too long",
        run: || {
            let bench = Bench::new().top("login_timeout = \"1s\"");
            let slow = std::time::Duration::from_millis(1200);
            bench
                .pam("linux-mfa", "bob")
                .answer_secret(PASSWORD)
                .answer_secret_after("000000", slow)
                .authenticate()
                .run()
        },
    },
];
