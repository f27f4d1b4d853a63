//! What is refused: by code, by the log's line, by the words for the person.

use authentik_double::{Certificate, Double, Fault, Match};
use pam_harness::Outcome;

use crate::bench::{Bench, PASSWORD, expect};

/// One row: what happened, and what it must come to.
struct Row {
    cause: &'static str,
    code: &'static str,
    line: &'static str,
    words: &'static str,
    run: fn() -> Outcome,
}

fn flow(flow: &str, secrets: &[&str]) -> Outcome {
    Bench::new().log_in(flow, "alice", secrets)
}

/// Before anything of a person was sent: the very first request goes wrong.
fn first(fault: impl FnOnce(Fault) -> Fault) -> Outcome {
    let bench = Bench::new().top("request_timeout = \"1s\"");
    bench
        .double
        .inject(fault(Fault::on(Match::get("executor"))));
    bench.log_in("linux-login", "alice", &[])
}

/// After it: the answer to the password goes wrong.
fn later(fault: impl FnOnce(Fault) -> Fault) -> Outcome {
    let bench = Bench::new().top("request_timeout = \"1s\"");
    bench
        .double
        .inject(fault(Fault::on(Match::post("executor").nth(2))));
    bench.log_in("linux-login", "alice", &[PASSWORD])
}

fn certificate(certificate: Certificate) -> Outcome {
    Bench::with(Double::builder().certificate(certificate)).log_in("linux-login", "alice", &[])
}

fn configured(text: &'static str) -> Outcome {
    let bench = Bench::new();
    bench
        .pam("linux-login", "alice")
        .config(text)
        .authenticate()
        .run()
}

fn user(bench: Bench, name: &str, secrets: &[&str]) -> Outcome {
    let outcome = bench.log_in("linux-login", name, secrets);
    assert_eq!(bench.requests(), [""; 0], "nothing is sent for {name:?}");
    outcome
}

const NOT_ACCEPTED: &str = "That password was not accepted.";
const NOT_SET_UP: &str = "not set up correctly on this host";
const UNREACHABLE: &str = "cannot be reached or does not answer";
const UNCONFIRMED: &str = "did not confirm who you are";

const TABLE: &[Row] = &[
    // What the person did.
    Row {
        cause: "a wrong password",
        code: "PAM_AUTH_ERR",
        line: "authentik refused the password: \\\"Invalid password\\\"",
        words: NOT_ACCEPTED,
        run: || flow("linux-login", &["nope"]),
    },
    Row {
        cause: "a wrong password, with the name",
        code: "PAM_AUTH_ERR",
        line: "authentik refused the password",
        words: NOT_ACCEPTED,
        run: || flow("linux-combined", &["nope"]),
    },
    Row {
        cause: "an empty password",
        code: "PAM_AUTH_ERR",
        line: "the password was empty and was not sent",
        words: NOT_ACCEPTED,
        run: || {
            let bench = Bench::new();
            let outcome = bench.log_in("linux-login", "alice", &[""]);
            assert!(!bench.was_sent("ak-stage-password"));
            outcome
        },
    },
    Row {
        cause: "a password that is not UTF-8",
        code: "PAM_AUTH_ERR",
        line: "it is not UTF-8",
        words: "That password was not accepted.",
        run: || {
            Bench::new()
                .pam("linux-login", "alice")
                .answer_bytes(b"\xff\xfe")
                .authenticate()
                .run()
        },
    },
    Row {
        cause: "a password of 5000 bytes",
        code: "PAM_AUTH_ERR",
        line: "it is too long",
        words: "That password was not accepted.",
        run: || Bench::new().log_in("linux-login", "alice", &[&"x".repeat(5000)]),
    },
    Row {
        cause: "a wrong password, and the flow begins again",
        code: "PAM_AUTH_ERR",
        line: "went back to ak-stage-identification after the password",
        words: "That password was not accepted.",
        run: || flow("linux-restart", &["nope"]),
    },
    Row {
        cause: "the last wrong password that the flow allows",
        code: "PAM_MAXTRIES",
        line: "too many wrong answers",
        words: "Invalid password",
        run: || {
            let bench = Bench::new();
            bench.double.world(|world| {
                world.add_flow(
                    authentik_double::Flow::new("one-try")
                        .identification()
                        .password_tries(1)
                        .user_login(),
                );
            });
            bench.log_in("one-try", "alice", &["nope"])
        },
    },
    Row {
        cause: "wrong codes, as many as allowed",
        code: "PAM_MAXTRIES",
        line: "2 wrong codes",
        words: "Too many wrong codes.",
        run: || {
            Bench::new().section("[prompt]\nattempts = 2\n").log_in(
                "linux-mfa",
                "carol",
                &[PASSWORD, "000000000000", ""],
            )
        },
    },
    Row {
        cause: "an aborted prompt",
        code: "PAM_CONV_ERR",
        line: "conversation failed or was aborted",
        words: "",
        run: || {
            Bench::new()
                .pam("linux-login", "alice")
                .abort()
                .authenticate()
                .run()
        },
    },
    Row {
        cause: "an application that answers nothing",
        code: "PAM_CONV_ERR",
        line: "conversation failed or was aborted",
        words: "",
        run: || {
            Bench::new()
                .pam("linux-login", "alice")
                .answer_null()
                .authenticate()
                .run()
        },
    },
    Row {
        cause: "use_first_pass without a password in the stack",
        code: "PAM_AUTH_ERR",
        line: "no earlier module",
        words: "",
        run: || {
            Bench::new()
                .arguments("use_first_pass")
                .log_in("linux-login", "alice", &[])
        },
    },
    // What the server says.
    Row {
        cause: "a deny stage",
        code: "PAM_PERM_DENIED",
        line: "authentik denied access: \\\"Go away, please.\\\"",
        words: "Access denied: Go away, please.",
        run: || flow("linux-deny", &[PASSWORD]),
    },
    Row {
        cause: "a flow that a policy closes",
        code: "PAM_PERM_DENIED",
        line: "authentik denied access",
        words: "Access denied: ",
        run: || flow("linux-closed", &[]),
    },
    Row {
        cause: "no allowed group",
        code: "PAM_PERM_DENIED",
        line: "in none of the groups",
        words: "may not log in to this host",
        run: || {
            Bench::new()
                .access("groups = [\"x\"]")
                .log_in("linux-login", "alice", &[PASSWORD])
        },
    },
    Row {
        cause: "an account of another type",
        code: "PAM_PERM_DENIED",
        line: "external",
        words: "may not log in to this host",
        run: || Bench::new().log_in("linux-login", "mallory", &[PASSWORD]),
    },
    Row {
        cause: "an account that is not active",
        code: "PAM_PERM_DENIED",
        line: "not active",
        words: "may not log in to this host",
        run: || flow("danger-inactive", &[PASSWORD]),
    },
    Row {
        cause: "a flow that logs nobody in",
        code: "PAM_AUTH_ERR",
        line: "nobody is logged in",
        words: UNCONFIRMED,
        run: || flow("danger-no-login", &[PASSWORD]),
    },
    Row {
        cause: "a flow that logs somebody else in",
        code: "PAM_AUTH_ERR",
        line: "another user: bob",
        words: UNCONFIRMED,
        run: || flow("danger-other-user", &[PASSWORD]),
    },
    Row {
        cause: "an impersonated session",
        code: "PAM_AUTH_ERR",
        line: "impersonated",
        words: UNCONFIRMED,
        run: || flow("danger-impersonated", &[PASSWORD]),
    },
    Row {
        cause: "a flow without a secret",
        code: "PAM_AUTH_ERR",
        line: "without a password or a second factor",
        words: UNCONFIRMED,
        run: || flow("danger-login-without-secret", &[]),
    },
    Row {
        cause: "a stage that crashes, first of all",
        code: "PAM_AUTH_ERR",
        line: "request_id=",
        words: "reported an error",
        run: || flow("linux-crash", &[]),
    },
    Row {
        cause: "a throttled host",
        code: "PAM_AUTH_ERR",
        line: "flow error",
        words: "reported an error",
        run: || {
            let bench = Bench::new();
            bench
                .double
                .world(|world| world.anonymous_requests_per_minute = Some(0));
            bench.log_in("linux-login", "alice", &[])
        },
    },
    Row {
        cause: "status 429, first of all",
        code: "PAM_AUTH_ERR",
        line: "throttles",
        words: "is busy",
        run: || first(|fault| fault.answer(429, "application/json", "{}")),
    },
    // Users.
    Row {
        cause: "a name in [user] ignore",
        code: "PAM_IGNORE",
        line: "the name is in [user] ignore",
        words: "",
        run: || {
            user(
                Bench::new().section("[user]\nignore = [\"alice\"]\n"),
                "alice",
                &[],
            )
        },
    },
    Row {
        cause: "a name that is not in [user] allow",
        code: "PAM_IGNORE",
        line: "not in [user] allow",
        words: "",
        run: || {
            user(
                Bench::new().section("[user]\nallow = [\"bob\"]\n"),
                "alice",
                &[],
            )
        },
    },
    Row {
        cause: "root",
        code: "PAM_IGNORE",
        line: "root is left alone",
        words: "",
        run: || user(Bench::new(), "root", &[]),
    },
    Row {
        cause: "a system account",
        code: "PAM_IGNORE",
        line: "below [user] min_uid",
        words: "",
        run: || user(Bench::new(), "daemon", &[]),
    },
    Row {
        cause: "no such account",
        code: "PAM_USER_UNKNOWN",
        line: "user=(unknown)",
        words: NOT_ACCEPTED,
        run: || user(Bench::new(), "hunter2", &["x"]),
    },
    Row {
        cause: "a name with a newline",
        code: "PAM_USER_UNKNOWN",
        line: "user=(unknown)",
        words: NOT_ACCEPTED,
        run: || user(Bench::new(), "alice\nforged", &["x"]),
    },
    Row {
        cause: "a name with look-alike letters",
        code: "PAM_USER_UNKNOWN",
        line: "it is not ASCII",
        words: NOT_ACCEPTED,
        run: || user(Bench::new(), "\u{430}lice", &["x"]),
    },
    Row {
        cause: "a path for a name",
        code: "PAM_USER_UNKNOWN",
        line: "it holds : or /",
        words: NOT_ACCEPTED,
        run: || user(Bench::new(), "../../etc/passwd", &[""]),
    },
    Row {
        cause: "a name of 64 KiB",
        code: "PAM_USER_UNKNOWN",
        line: "longer than 255 bytes",
        words: NOT_ACCEPTED,
        run: || user(Bench::new(), &"a".repeat(65_536), &["x"]),
    },
    // The server and the way to it, before a person had a hand in it.
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
        code: "PAM_AUTHINFO_UNAVAIL",
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
        line: "authentik starting",
        words: UNREACHABLE,
        run: || first(Fault::starting),
    },
    Row {
        cause: "HTML with status 200, first of all",
        code: "PAM_AUTHINFO_UNAVAIL",
        line: "it is not JSON",
        words: UNREACHABLE,
        run: || first(|fault| fault.answer(200, "text/html", "<html>")),
    },
    Row {
        cause: "half an answer, first of all",
        code: "PAM_AUTHINFO_UNAVAIL",
        line: "PAM_AUTHINFO_UNAVAIL",
        words: UNREACHABLE,
        run: || first(Fault::halve),
    },
    Row {
        cause: "a redirect to another host, first of all",
        code: "PAM_AUTHINFO_UNAVAIL",
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
        line: "request_timeout passed while the process was stopped",
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
            bench
                .pam("linux-login", "alice")
                .process(process)
                .authenticate()
                .run()
        },
    },
    Row {
        cause: "somebody who takes long to say who they are",
        code: "PAM_AUTH_ERR",
        line: "longer than login_timeout",
        words: "took too long",
        run: || {
            let bench = Bench::new()
                .top("login_timeout = \"1s\"")
                .section("[user]\n");
            let slow = std::time::Duration::from_millis(1200);
            bench
                .pam_for("sshd", "linux-login")
                .answer_visible_after("alice", slow)
                .authenticate()
                .run()
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
        code: "PAM_AUTHINFO_UNAVAIL",
        line: "not JSON by its own words",
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
        line: "after the person's first answer",
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
        line: "redirects without end",
        words: UNREACHABLE,
        run: || flow("linux-loop", &[]),
    },
    Row {
        cause: "somebody who types past login_timeout",
        code: "PAM_AUTH_ERR",
        line: "longer than login_timeout",
        words: "took too long",
        run: || {
            let bench = Bench::new().top("login_timeout = \"1s\"");
            let slow = std::time::Duration::from_millis(1200);
            bench
                .pam("linux-login", "alice")
                .answer_secret_after(PASSWORD, slow)
                .authenticate()
                .run()
        },
    },
    // The configuration and the flow.
    Row {
        cause: "an unknown slug",
        code: "PAM_SERVICE_ERR",
        line: "no flow with the slug",
        words: NOT_SET_UP,
        run: || flow("no-such-flow", &[]),
    },
    Row {
        cause: "a component nobody knows",
        code: "PAM_SERVICE_ERR",
        line: "unknown to the module",
        words: "cannot go on here",
        run: || flow("linux-unknown-component", &[]),
    },
    Row {
        cause: "a captcha",
        code: "PAM_SERVICE_ERR",
        line: "ak-stage-captcha",
        words: "needs a web browser",
        run: || flow("component-ak-stage-captcha", &[]),
    },
    Row {
        cause: "a second factor that needs a browser",
        code: "PAM_SERVICE_ERR",
        line: "a security key needs a web browser",
        words: "a security key",
        run: || Bench::new().log_in("linux-mfa", "hank", &[PASSWORD]),
    },
    Row {
        cause: "a wrong key in the configuration",
        code: "PAM_SERVICE_ERR",
        line: "config.toml:2: unknown key",
        words: NOT_SET_UP,
        run: || configured("flow = \"x\"\nulr = \"y\"\n"),
    },
    Row {
        cause: "no file of the configuration",
        code: "PAM_SERVICE_ERR",
        line: "cannot be read",
        words: NOT_SET_UP,
        run: || {
            Bench::new()
                .pam("linux-login", "alice")
                .arguments("config={dir}/none.toml")
                .authenticate()
                .run()
        },
    },
    Row {
        cause: "a configuration that others can write",
        code: "PAM_SERVICE_ERR",
        line: "can be written by others (mode 0666); run chmod go-w on it",
        words: NOT_SET_UP,
        run: || {
            Bench::new()
                .pam("linux-login", "alice")
                .config_mode(0o666)
                .authenticate()
                .run()
        },
    },
    Row {
        cause: "an unknown argument",
        code: "PAM_SERVICE_ERR",
        line: "\\\"nullok\\\" is unknown",
        words: NOT_SET_UP,
        run: || {
            Bench::new()
                .arguments("nullok")
                .log_in("linux-login", "alice", &[])
        },
    },
    Row {
        cause: "a CA file without a certificate",
        code: "PAM_SERVICE_ERR",
        line: "holds no certificate",
        words: NOT_SET_UP,
        run: || {
            Bench::new()
                .top("ca_file = \"{dir}/config.toml\"")
                .log_in("linux-login", "alice", &[])
        },
    },
    // The host.
    Row {
        cause: "no descriptor left",
        code: "PAM_SYSTEM_ERR",
        line: "",
        words: "This host could not complete the login",
        run: || {
            let bench = Bench::new();
            let process = pam_harness::script::ProcessOptions {
                limits: vec![(pam_harness::Limit::OpenFiles, 3)],
                ..Default::default()
            };
            bench
                .pam("linux-login", "alice")
                .process(process)
                .authenticate()
                .run()
        },
    },
    Row {
        cause: "a defect in the module",
        code: "PAM_ABORT",
        line: "panic at src/login.rs",
        words: "This host could not complete the login",
        run: || {
            let bench = Bench::new();
            let module = pam_harness::Module::panicking();
            bench
                .pam_with(&module, "linux-login", "panic")
                .authenticate()
                .run()
        },
    },
];

#[test]
fn every_cause_ends_in_its_code_its_line_and_its_words() {
    pam_harness::require_isolation!();
    println!("{:<48} {:<21} words", "cause", "code");
    for row in TABLE {
        let outcome = (row.run)();
        let words = outcome.shown().join(" / ");
        println!("{:<48} {:<21} {words}", row.cause, row.code);
        let lines: Vec<String> = outcome.log().iter().map(ToString::to_string).collect();
        println!("    {}", lines.join("\n    "));
        assert_ne!(row.code, "PAM_SUCCESS");
        // libpam gives no PAM_IGNORE to an application; the test below shows it.
        let shown_code = if row.code == "PAM_IGNORE" {
            "PAM_PERM_DENIED"
        } else {
            row.code
        };
        assert_eq!(
            outcome.code().to_string(),
            shown_code,
            "{}: {}",
            row.cause,
            outcome.transcript()
        );
        if row.code == "PAM_SYSTEM_ERR" {
            continue;
        }
        expect_line(row, &outcome);
        match row.words {
            "" => assert_eq!(words, "", "{}", row.cause),
            part => assert!(
                words.contains(part),
                "{}: {part:?} is not in {words:?}",
                row.cause
            ),
        }
    }
}

fn expect_line(row: &Row, outcome: &Outcome) {
    let line = crate::bench::line(outcome);
    let code = format!("pam_authentik_flow(sshd:auth): {}: ", row.code);
    assert!(line.contains(&code), "{}: {line}", row.cause);
    assert!(
        line.contains(row.line),
        "{}: {:?} is not in {line}",
        row.cause,
        row.line
    );
    assert!(
        !line.contains("hunter2") && !line.contains("forged"),
        "{line}"
    );
}

#[test]
fn a_skip_is_pam_ignore_and_nothing_else_is() {
    pam_harness::require_isolation!();
    // Only PAM_IGNORE jumps over the refusal.
    let stack = "auth [ignore=1 default=die] {module} {arguments}\nauth requisite pam_deny.so\nauth required pam_permit.so\n";
    for (name, code) in [
        ("root", "PAM_SUCCESS"),
        ("daemon", "PAM_SUCCESS"),
        ("alice", "PAM_AUTHINFO_UNAVAIL"),
    ] {
        let bench = Bench::new().top("url = \"https://127.0.0.1:1\"");
        let outcome = bench
            .pam("linux-login", name)
            .stack(stack)
            .authenticate()
            .run();
        assert_eq!(
            outcome.code().to_string(),
            code,
            "{name}: {}",
            outcome.transcript()
        );
    }
}

#[test]
fn each_component_that_cannot_be_answered_is_named() {
    pam_harness::require_isolation!();
    let flows = Double::start().world(|world| authentik_double::list_flows(world));
    let mut tried = 0;
    for flow in flows
        .iter()
        .filter(|flow| flow.slug.starts_with("component-"))
    {
        let component = flow.slug.trim_start_matches("component-");
        let bench = Bench::new();
        let outcome = bench.log_in(&flow.slug, "alice", &[]);
        let name = if component.contains("identification") {
            "ak-stage-identification"
        } else {
            component
        };
        expect(&outcome, "PAM_SERVICE_ERR", &[name]);
        assert!(
            outcome.shown().concat().contains("cannot go on here"),
            "{}",
            outcome.transcript()
        );
        tried += 1;
    }
    assert!(tried >= 14, "{tried}");
}
