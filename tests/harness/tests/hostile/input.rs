//! What people type, and when they stop typing.

use std::time::Duration;

use authentik_double::{Double, Fault, Flow, Match, Phone, User};
use pam_harness::host::{RealHost, Terminal, configuration, stacks};
use pam_harness::{Code, Outcome, Pam};

use crate::bench::{Bench, PASSWORD, line};

/// What goes wrong.
type Strike = fn(Fault) -> Fault;

/// None of these is ever right, whatever it does to the program that reads it.
#[test]
fn no_answer_breaks_anything() {
    pam_harness::require_isolation!();
    let megabyte = vec![b'x'; 1 << 20];
    let answers: [(&str, &[u8]); 14] = [
        ("1 MiB", &megabyte),
        ("a NUL in front", b"\0correct-horse"),
        ("a newline behind", b"correct-horse\n"),
        ("a carriage return behind", b"correct-horse\r"),
        ("Ctrl-C as a byte", b"\x03"),
        ("an escape", b"\x1b]0;x\x07"),
        ("no UTF-8", b"\xff\xfe\xfd"),
        ("UTF-8 that is cut", b"correct-horse\xc3"),
        ("UTF-8 that is too long", b"\xc0\x80"),
        ("a surrogate", b"\xed\xa0\x80"),
        ("quotes and braces", br#"","password":"correct-horse"#),
        ("formats", b"%s%n%x${IFS}`id`$(id)"),
        ("look-alikes", "c\u{043e}rrect-h\u{043e}rse".as_bytes()),
        ("zero width", "correct-\u{200b}horse".as_bytes()),
    ];
    for (what, answer) in answers {
        for flow in ["linux-login", "linux-combined"] {
            if flow == "linux-combined" && what.ends_with(" behind") {
                // authentik itself trims every value except the name.
                continue;
            }
            let bench = Bench::new();
            let pam = bench.pam(flow, "alice").answer_bytes(answer);
            let outcome = pam.authenticate().run();
            assert_eq!(outcome.code(), "PAM_AUTH_ERR", "{what}, {flow}: {outcome}");
            assert_eq!(outcome.host_differences(), [""; 0], "{what}");
            let line = line(&outcome);
            assert!(line.chars().all(|c| !c.is_control()), "{line:?}");
        }
        let bench = Bench::new();
        let pam = bench.pam("linux-mfa", "carol").answer_secret(PASSWORD);
        let pam = (0..3).fold(pam, |pam, _| pam.answer_bytes(answer));
        // It may end before all are used.
        let outcome = pam.authenticate().try_run().expect("the login did not end");
        assert_ne!(outcome.code(), "PAM_SUCCESS", "{what}: {outcome}");
    }
}

#[test]
fn no_name_is_more_than_a_name() {
    pam_harness::require_isolation!();
    let long = "a".repeat(1 << 16);
    let names = [
        "alice\n",
        "\nalice",
        "alice\nroot",
        "../alice",
        "alice/../bob",
        "%s%n%x",
        "alice%00",
        " alice",
        "alice ",
        "alice\tbob",
        "ALICE",
        "Alice",
        "al\u{0456}ce",
        "\u{ff41}lice",
        "alice\u{200b}",
        "alice\u{0301}",
        "ali\u{00ad}ce",
        "alice:x:0:0",
        "-oProxyCommand=x",
        "*",
        "alice@example.com",
        "alice,bob",
        "+",
        "$(id)",
        "\u{1b}[31malice",
        "alice\u{7f}",
        ".",
        "..",
        &long,
    ];
    for name in names {
        let bench = Bench::new();
        let pam = bench.pam("linux-login", name).answer_every_secret(PASSWORD);
        let outcome = pam.authenticate().run();
        assert_eq!(outcome.code(), "PAM_USER_UNKNOWN", "{name:?}: {outcome}");
        assert_eq!(
            bench.double.connections(),
            0,
            "{name:?} was sent to authentik"
        );
        let line = line(&outcome);
        assert!(line.contains("user=(unknown)"), "{line}");
        assert!(line.chars().all(|c| !c.is_control()), "{line:?}");
        assert!(line.len() < 2000, "{line}");
    }
    // If no account is required, there are still names that no account can have.
    let impossible = |name: &&str| {
        let possible = |byte: u8| byte.is_ascii_graphic() && !b":/".contains(&byte);
        name.len() > 255 || !name.bytes().all(possible)
    };
    for name in names.into_iter().filter(impossible) {
        let bench = Bench::new().section("[user]\nrequire_account = false\n");
        let pam = bench.pam("linux-login", name).answer_every_secret(PASSWORD);
        let outcome = pam.authenticate().run();
        assert_eq!(outcome.code(), "PAM_USER_UNKNOWN", "{name:?}: {outcome}");
        assert_eq!(
            bench.double.connections(),
            0,
            "{name:?} was sent to authentik"
        );
    }
    // An empty password for an unknown user waits and ends like a wrong one, and so does one
    // that is too long.
    let megabyte = "x".repeat(1 << 20);
    for typed in ["", "x", &megabyte] {
        let bench = Bench::new();
        let outcome = bench.log_in("linux-login", "nobody-knows", &[typed]);
        assert_eq!(outcome.code(), "PAM_USER_UNKNOWN", "{} bytes", typed.len());
        assert_eq!(outcome.shown(), ["That password was not accepted."]);
        assert_eq!(bench.double.connections(), 0);
    }
}

/// The answers of a user who goes through `linux-everything`.
fn everything(bench: &Bench) -> Vec<String> {
    let typed = [
        PASSWORD, "", "ABC-123", "", "", "", "30", "", "", "", "", "y", "", "y",
    ];
    let mut typed: Vec<String> = typed.map(str::to_owned).to_vec();
    typed[1] = bench.double.totp_unused("bob");
    typed
}

/// At every prompt of the longest flow, also with a null pointer as the answer.
#[test]
fn a_user_who_stops_at_a_prompt_is_not_logged_in() {
    pam_harness::require_isolation!();
    let mut stopped = 0;
    for number in 0.. {
        let mut succeeded = false;
        for null in [false, true] {
            let bench = Bench::new();
            let answers = everything(&bench);
            let begin = |pam: Pam| {
                answers
                    .iter()
                    .take(number)
                    .fold(pam, |pam, text| pam.answer_bytes(text.as_bytes()))
            };
            let pam = begin(bench.pam("linux-everything", "bob"));
            let pam = if null { pam.answer_null() } else { pam.abort() };
            let outcome: Outcome = pam.authenticate().try_run().expect("the login did not end");
            if outcome.code() == "PAM_SUCCESS" {
                // The flow had ended before this prompt.
                succeeded = true;
                break;
            }
            outcome
                .check()
                .unwrap_or_else(|why| panic!("{number}: {why}\n{outcome}"));
            assert_eq!(
                outcome.code(),
                Code::PAM_CONV_ERR,
                "{number} {null}: {outcome}"
            );
            assert_eq!(outcome.host_differences(), [""; 0], "{number}");
            assert_eq!(bench.double.active_sessions("bob"), 0, "{number}");
            stopped += 1;
        }
        if succeeded {
            break;
        }
    }
    assert!(stopped >= 20, "the flow has {stopped} prompts");
}

/// Ctrl-C at the prompt. Between its prompt and its wait a program may ignore it. A person
/// would press it again, and so does this test.
fn interrupt(terminal: &mut Terminal) {
    terminal.expect("assword");
    while terminal.shows_what_is_typed() {
        std::thread::sleep(Duration::from_millis(5));
    }
    for _ in 0..4 {
        std::thread::sleep(Duration::from_millis(400));
        terminal.send(b"\x03");
        for _ in 0..200 {
            if terminal.has_ended() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn ctrl_c_three_times_opens_nothing() {
    pam_harness::require_real_host!("sudo", "su", "login");
    let double = Double::builder().without_pause().start();
    for way in [
        "authentik-alone",
        "authentik-fallback",
        "authentik-faillock",
        "authentik-second-factor",
    ] {
        let host = RealHost::new(&double)
            .local_password("alice")
            .stack("sudo", &stacks::with_way("sudo", way))
            .stack("su", &stacks::with_way("su", way))
            .stack("login", &stacks::with_way("login", way))
            .start();
        let mut su = host.terminal("bob", &["su", "alice", "-c", "id -un"]);
        interrupt(&mut su);
        let ended = su.finish();
        assert_ne!(ended.status, 0, "{way}: {}", ended.transcript);
        assert!(!ended.transcript.lines().any(|line| line == "alice"));
        for _ in 0..3 {
            let mut sudo = host.sudo("alice", &["-k", "id", "-u"]);
            interrupt(&mut sudo);
            let ended = sudo.finish();
            assert_ne!(ended.status, 0, "{way}: {}", ended.transcript);
            assert!(
                !ended.transcript.contains("\n0\n"),
                "{way}: {}",
                ended.transcript
            );
        }
        let mut login = host.login();
        login.expect("login: ").send_line("alice");
        interrupt(&mut login);
        let ended = login.finish();
        assert_ne!(ended.status, 0, "{way}: {}", ended.transcript);
        assert!(
            !ended.transcript.contains("$ "),
            "{way}: {}",
            ended.transcript
        );
    }
    assert_eq!(double.active_sessions("alice"), 0);
}

/// The stack that accepts the local password while authentik is down, and a user who knows the
/// local password and tries to cause that state.
#[test]
fn nobody_provokes_an_error_to_pass_the_second_factor() {
    pam_harness::require_isolation!();
    // Only "unavailable" continues to the line that stands for the local password.
    let stack = "\
auth [success=1 authinfo_unavail=ignore default=die] {module} {arguments}
auth [success=1 default=ignore] pam_permit.so
auth requisite pam_deny.so
auth required pam_permit.so
";
    let provoke: [(&str, Strike); 9] = [
        ("status 500", |fault| fault.answer(500, "text/html", "")),
        ("status 502", Fault::bad_gateway),
        ("status 503", |fault| fault.answer(503, "text/html", "")),
        ("status 429", |fault| {
            fault.answer(429, "application/json", "{}")
        }),
        ("status 405", Fault::server_error),
        ("a closed connection", Fault::close),
        ("no answer", Fault::never_answer),
        ("nonsense", |fault| {
            fault.answer(200, "application/json", "{")
        }),
        ("a server that is starting", Fault::starting),
    ];
    for (what, strike) in provoke {
        // With the password, with the code, with only the name.
        for nth in 1..=3 {
            let bench = Bench::new().top("request_timeout = \"1s\"");
            let posts = Match::post("executor/linux-mfa").nth(nth);
            bench.double.inject(strike(Fault::on(posts)));
            let pam = bench.pam("linux-mfa", "carol").stack(stack);
            let pam = pam.answer_every_secret(PASSWORD).authenticate();
            // sudo asks again on the same handle.
            let outcome = pam.authenticate().authenticate().run();
            for code in outcome.codes() {
                assert_ne!(code, "PAM_SUCCESS", "{what}, {nth}: {outcome}");
                assert_ne!(code, "PAM_AUTHINFO_UNAVAIL", "{what}, {nth}: {outcome}");
            }
        }
    }
    // What a person can cause before a password: throttling, or a name that makes the server
    // fail, at the very first request.
    for (what, strike) in [
        (
            "status 429",
            (|f: Fault| f.answer(429, "application/json", "{}")) as Strike,
        ),
        ("status 403", |f| f.answer(403, "text/html", "")),
        ("status 400", |f| f.answer(400, "text/html", "")),
        ("a stage that crashes", |f| {
            f.json(
                200,
                &serde_json::json!({"component": "ak-stage-flow-error"}),
            )
        }),
    ] {
        let bench = Bench::new();
        let gets = Match::get("executor/linux-mfa");
        bench.double.inject(strike(Fault::on(gets)));
        let pam = bench.pam("linux-mfa", "carol").stack(stack);
        let outcome = pam.authenticate().authenticate().run();
        for code in outcome.codes() {
            assert_ne!(code, "PAM_SUCCESS", "{what}: {outcome}");
        }
    }
    // Proof that the stack can be passed.
    let bench = Bench::new().top("url = \"https://127.0.0.1:1\"");
    let pam = bench.pam("linux-mfa", "carol").stack(stack);
    assert_eq!(pam.authenticate().run().code(), "PAM_SUCCESS");
}

/// A user who knows a password could send pushes until the owner of the phone approves one. One
/// login sends one, and after a refused one the handle sends no more.
#[test]
fn one_login_sends_one_push() {
    pam_harness::require_isolation!();
    for (phone, most) in [(Phone::Deny(Duration::ZERO), 1), (Phone::Never, 3)] {
        let bench = Bench::with(Double::builder())
            .top("push_timeout = \"1s\"")
            .section("[prompt]\nattempts = 9\n");
        bench
            .double
            .world(|world| world.user_mut("duke").phone = phone);
        let pam = bench.pam("linux-mfa", "duke");
        let pam = (0..3).fold(pam, |pam, _| pam.answer_secret(PASSWORD).answer_secret(""));
        let pam = pam.authenticate().authenticate().authenticate();
        let outcome = pam.try_run().expect("the login did not end");
        assert!(
            outcome.codes().iter().all(|code| *code != "PAM_SUCCESS"),
            "{outcome}"
        );
        let pushes = bench.double.requests().into_iter();
        let pushes = pushes
            .filter(|request| String::from_utf8_lossy(&request.body).contains("\"duo\""))
            .count();
        assert!(pushes <= most, "{pushes} pushes for three passwords");
    }
}

/// A person enrols in authentik with the name of an account of this host.
#[test]
fn the_name_of_a_local_account_is_not_enough() {
    pam_harness::require_isolation!();
    for name in ["root", "daemon", "localadmin", "Lars"] {
        for access in ["groups = [\"linux-admins\"]", "application = \"linux-ssh\""] {
            let bench = Bench::new().access(access);
            bench.double.world(|world| {
                world.add_user(User::new(name).password(PASSWORD));
                world.add_flow(Flow::new("any").identification().password().user_login());
            });
            let pam = bench.pam("any", name).answer_every_secret(PASSWORD);
            let outcome = pam.authenticate().run();
            assert_ne!(outcome.code(), "PAM_SUCCESS", "{name}, {access}: {outcome}");
            let expected = match name {
                "root" | "daemon" => "left alone",
                _ => "PAM_PERM_DENIED",
            };
            assert!(line(&outcome).contains(expected), "{}", line(&outcome));
        }
    }
    // Without an access rule nobody can log in.
    let bench = Bench::new().access("");
    let outcome = bench.log_in("linux-login", "alice", &[]);
    assert_eq!(outcome.code(), "PAM_SERVICE_ERR", "{outcome}");
}

/// The same through the real programs with the shipped stacks: local accounts have their local
/// passwords, and those of authentik do not work.
#[test]
fn authentiks_password_opens_no_local_account() {
    pam_harness::require_real_host!("su");
    let double = Double::builder().without_pause().start();
    double.world(|world| {
        for name in ["root", "localadmin", "operator"] {
            world.add_user(User::new(name).password(PASSWORD));
        }
    });
    let host = RealHost::new(&double)
        .config(&configuration(&double, "linux-login"))
        .start();
    for name in ["root", "localadmin", "operator"] {
        for (typed, status) in [
            (PASSWORD, false),
            (pam_harness::accounts::LOCAL_ADMIN_PASSWORD, true),
        ] {
            let mut su = host.su("alice", &[name, "-c", "id -un"]);
            su.answer("assword", typed);
            let ended = su.finish();
            assert_eq!(ended.status == 0, status, "{name}: {}", ended.transcript);
        }
    }
    assert_eq!(
        double.connections(),
        0,
        "the module asked authentik about an account that it leaves alone"
    );
}
