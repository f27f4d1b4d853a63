//! Secrets: what stays in memory, where they are written, and from which files they are read.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::sync::Arc;

use authentik_double::{Double, Fault, Flow, HostDevice, Match, Stage};
use pam_harness::Outcome;

use crate::bench::{Bench, PASSWORD};

/// The one-time code of an account, long enough that nobody finds it by chance.
const CODE: &str = "carol0000000";
const TOKEN: &str = "outpost-token";
const HOST_TOKEN: &str = "token-of-a-host-0001";

/// A text in the process's memory that is not secret. It proves that the search works.
const CONTROL: &str = "198.51.100.77";

fn named(name: &str, secret: &str) -> (String, Vec<u8>) {
    (name.to_owned(), secret.as_bytes().to_vec())
}

/// The cookies of the session, and what authentik sets beside them, as they were sent.
fn cookies(double: &Double) -> Vec<(String, Vec<u8>)> {
    let requests = double.requests();
    let mut found = Vec::new();
    for request in &requests {
        let cookie = request.header("cookie").unwrap_or_default();
        for pair in cookie.split("; ").filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or(("cookie", pair));
            // The signature of a token is as useful as the whole token.
            let tail = value.rsplit('.').next().unwrap_or(value);
            found.push(named(name, tail.trim_matches('"')));
        }
        let csrf = request.header("x-authentik-csrf").unwrap_or_default();
        if !csrf.is_empty() {
            found.push(named("csrf token", csrf));
        }
    }
    found.sort();
    found.dedup();
    assert!(!found.is_empty(), "the server gave no session");
    found
}

/// The flow `of-hosts`, which asks which host it is first.
fn know_the_host(double: &Double) {
    double.world(|world| {
        let flow = Flow::new("of-hosts").bind(Stage::endpoint(true));
        world.add_flow(flow.identification().password().user_login());
        world.add_host(HostDevice::new("a-host", HOST_TOKEN));
    });
}

/// What the module has signed with the host's token: the signature is as good as the whole.
fn signatures(double: &Double) -> Vec<(String, Vec<u8>)> {
    let requests = double.requests();
    let answers = requests.iter().map(|request| request.json());
    answers
        .filter_map(|body| Some(body["response"].as_str()?.rsplit_once('.')?.1.to_owned()))
        .map(|signature| named("signature", &signature))
        .collect()
}

/// A host that proves which one it is, whether authentik takes its token or not.
#[test]
fn neither_the_hosts_token_nor_its_answer_stays_in_memory() {
    pam_harness::require_isolation!();
    for (token, code) in [
        (HOST_TOKEN, "PAM_SUCCESS"),
        ("wrong-token-of-a-host", "PAM_PERM_DENIED"),
    ] {
        let section = "[host]\ntoken_file = \"{dir}/token\"\nidentifier = \"a-host\"\n";
        let bench = Bench::new().section(section);
        know_the_host(&bench.double);
        let double = Arc::clone(&bench.double);
        let known = [named("token", token), named("control", CONTROL)];
        let pam = bench
            .pam("of-hosts", "alice")
            .rhost(CONTROL)
            .file("token", token)
            .scan_memory(move || [signatures(&double), known.to_vec()].concat());
        let pam = match code {
            "PAM_SUCCESS" => pam.answer_masked(PASSWORD),
            _ => pam,
        };
        let outcome = pam.authenticate().run();
        assert_eq!(outcome.code(), code, "{outcome}");
        assert_eq!(signatures(&bench.double).len(), 1);
        let (before, after) = outcome.found_in_memory();
        let control = |found: &String| found.starts_with("control");
        assert!(
            before.iter().any(control),
            "the search does not find its control text"
        );
        for found in before.iter().chain(after) {
            assert!(control(found), "{found}");
        }
    }
}

/// A user who types these, and gives up at further prompts.
fn scanned(bench: &Bench, secrets: &[&str], more: &[(&str, &str)], gives_up: bool) -> Outcome {
    let double = Arc::clone(&bench.double);
    let mut known: Vec<_> = more.iter().map(|(name, text)| named(name, text)).collect();
    known.push(named("control", CONTROL));
    let pam = bench
        .pam("linux-mfa", "carol")
        .rhost(CONTROL)
        .file("token", TOKEN)
        .scan_memory(move || [cookies(&double), known.clone()].concat());
    let pam = secrets
        .iter()
        .fold(pam, |pam, secret| pam.answer_masked(secret));
    let pam = if gives_up { pam.abort() } else { pam };
    pam.authenticate().run()
}

#[test]
fn no_secret_stays_in_the_memory_of_the_process() {
    pam_harness::require_isolation!();
    for (code, password) in [
        ("PAM_SUCCESS", PASSWORD),
        ("PAM_AUTH_ERR", "wrong-horse"),
        ("PAM_CONV_ERR", PASSWORD),
    ] {
        let bench = Bench::new().section("[outpost]\ntoken_file = \"{dir}/token\"\n");
        let typed = match code {
            "PAM_SUCCESS" => vec![password, CODE],
            _ => vec![password],
        };
        let secrets = [("password", password), ("code", CODE), ("token", TOKEN)];
        let outcome = scanned(&bench, &typed, &secrets, code == "PAM_CONV_ERR");
        assert_eq!(outcome.code(), code, "{outcome}");
        let (before, after) = outcome.found_in_memory();
        let control = |found: &String| found.starts_with("control");
        assert!(
            before.iter().any(control),
            "the search does not find its control text"
        );
        // libpam itself wipes the password that it keeps for later modules.
        let left = before.iter().filter(|found| !control(found));
        assert_eq!(left.collect::<Vec<_>>(), [""; 0]);
        let left = after.iter().filter(|found| !control(found));
        assert_eq!(left.collect::<Vec<_>>(), [""; 0]);
    }
}

/// A password change keeps a session from its first call to its second, and two passwords. A
/// user who logged in with a key is looked up with a token.
#[test]
fn no_secret_of_the_other_entries_stays_in_memory() {
    pam_harness::require_isolation!();
    const NEW: &str = "battery-staple-9";
    let bench = Bench::new()
        .section("[password]\nflow = \"default-password-change\"\n")
        .section("[account]\ntoken_file = \"{dir}/token\"\n")
        .access("groups = [\"linux-admins\"]");
    let double = Arc::clone(&bench.double);
    let known = [
        named("password", PASSWORD),
        named("new password", NEW),
        named("token", "view-user-token"),
        named("control", CONTROL),
    ];
    let outcome = bench
        .pam("linux-login", "alice")
        .rhost(CONTROL)
        .file("token", "view-user-token")
        .scan_memory(move || [cookies(&double), known.to_vec()].concat())
        .answer_masked(PASSWORD)
        .answer_masked(NEW)
        .answer_masked(NEW)
        .acct_mgmt()
        .chauthtok()
        .run();
    assert_eq!(outcome.codes(), ["PAM_SUCCESS"; 2], "{outcome}");
    let (before, after) = outcome.found_in_memory();
    let control = |found: &String| found.starts_with("control");
    assert!(
        before.iter().any(control),
        "the search does not find its control text"
    );
    for found in before.iter().chain(after) {
        assert!(control(found), "{found}");
    }
}

/// Collected problems.
type Strike = fn(Fault) -> Fault;

const CANARY: &str = "canary-6f1e";

/// Fails if the canary, or a part of a session, appears where it was not typed or sent.
#[track_caller]
fn silent(what: &str, outcome: &Outcome) {
    let all = outcome.all_texts();
    for secret in [CANARY, "authentik_session", "eyJ", TOKEN] {
        assert!(!all.contains(secret), "{what}: {secret} is in {all}");
    }
}

#[test]
fn a_canary_is_written_nowhere_however_the_login_ends() {
    pam_harness::require_isolation!();
    let long = CANARY.repeat(500);
    let with_nul = format!("{CANARY}\0{CANARY}");
    let strikes: [(&str, Strike); 7] = [
        ("nothing", |fault| fault.delay(std::time::Duration::ZERO)),
        ("status 500", |fault| fault.answer(500, "text/html", CANARY)),
        ("no JSON", |fault| {
            fault.answer(200, "application/json", CANARY)
        }),
        ("a wrong type", |fault| {
            fault.json(
                200,
                &serde_json::json!({"component": {"canary-6f1e": CANARY}}),
            )
        }),
        ("a string of a wrong type", |fault| {
            fault.json(
                200,
                &serde_json::json!({"component": "ak-stage-password", "response_errors": CANARY}),
            )
        }),
        ("a redirect", |fault| {
            fault
                .answer(302, "text/html", "")
                .header("Location", "/elsewhere/?token=canary-6f1e#canary-6f1e")
        }),
        ("no HTTP", |fault| fault.raw("canary-6f1e\r\n\r\n")),
    ];
    for arguments in ["", "debug"] {
        for (what, strike) in strikes {
            let bench = Bench::new().arguments(arguments);
            let posts = Match::post("executor/linux-login").nth(2);
            bench.double.inject(strike(Fault::on(posts)));
            silent(what, &bench.log_in("linux-login", "alice", &[CANARY]));
        }
        for typed in [long.as_str(), with_nul.as_str(), " canary-6f1e "] {
            let bench = Bench::new().arguments(arguments);
            let pam = bench.pam("linux-login", "alice");
            let outcome = pam.answer_bytes(typed.as_bytes()).authenticate().run();
            silent(typed, &outcome);
        }
        // As a name, at login's prompt, and as a code.
        let bench = Bench::new().arguments(arguments);
        let pam = bench.pam_for("login", "linux-login");
        let pam = pam.answer_visible(CANARY).answer_secret(CANARY);
        silent("a name", &pam.authenticate().run());
        let bench = Bench::new().arguments(arguments);
        let pam = bench.pam("linux-mfa", "carol").answer_secret(PASSWORD);
        silent(
            "a code",
            &pam.answer_every_secret(CANARY).authenticate().run(),
        );
    }
}

/// Problems with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Nothing,
    Mode(u32),
    Link,
    Owner,
    Directory,
}

fn lay(path: &Path, text: &str, wrong: Wrong) {
    let mode = match wrong {
        Wrong::Mode(mode) => mode,
        _ => 0o600,
    };
    let file = match wrong {
        Wrong::Link => path.with_extension("target"),
        _ => path.to_owned(),
    };
    match wrong {
        Wrong::Directory => std::fs::create_dir(path).expect("a directory"),
        _ => std::fs::write(&file, text).expect("a file"),
    }
    if wrong != Wrong::Directory {
        std::fs::set_permissions(&file, Permissions::from_mode(mode)).expect("its mode");
    }
    if wrong == Wrong::Link {
        symlink(&file, path).expect("a link");
    }
    if wrong == Wrong::Owner {
        chown(path, Some(65534), None).expect("another owner");
    }
}

#[test]
fn secrets_are_read_only_from_files_of_root() {
    pam_harness::require_isolation!();
    let root = nix::unistd::Uid::effective().is_root();
    let keys = [
        ("outpost", false),
        ("client", false),
        ("account", true),
        ("host", false),
    ];
    for (key, call_account) in keys {
        for (wrong, line) in [
            (Wrong::Nothing, ""),
            (Wrong::Mode(0o640), "can be read by others"),
            (Wrong::Mode(0o604), "can be read by others"),
            (Wrong::Mode(0o620), "can be written by others"),
            (Wrong::Link, "cannot be read"),
            (Wrong::Owner, "belongs to uid 65534"),
            (Wrong::Directory, "is not a regular file"),
        ] {
            if wrong == Wrong::Owner && !root {
                continue;
            }
            let dir = tempfile::tempdir().expect("a directory");
            let path = dir.path().join("secret");
            let at = path.display();
            let double = Double::builder().without_pause();
            let bench = match key {
                "client" => Bench::with(double)
                    .top("client_cert = \"{dir}/client.pem\"")
                    .top(&format!("client_key = \"{at}\"")),
                "outpost" => {
                    Bench::with(double).section(&format!("[outpost]\ntoken_file = \"{at}\"\n"))
                }
                "host" => Bench::with(double).section(&format!(
                    "[host]\ntoken_file = \"{at}\"\nidentifier = \"a-host\"\n"
                )),
                _ => Bench::with(double)
                    .access("groups = [\"linux-admins\"]")
                    .section(&format!("[account]\ntoken_file = \"{at}\"\n")),
            };
            let text = match key {
                "client" => bench.double.client_identity().1,
                "outpost" => TOKEN,
                "host" => HOST_TOKEN,
                _ => "view-user-token",
            };
            lay(&path, text, wrong);
            know_the_host(&bench.double);
            let pam = bench
                .pam(
                    if key == "host" {
                        "of-hosts"
                    } else {
                        "linux-login"
                    },
                    "alice",
                )
                .file("client.pem", bench.double.client_identity().0);
            let outcome = match (call_account, wrong) {
                (true, _) => pam.acct_mgmt().run(),
                (false, Wrong::Nothing) => pam.answer_secret(PASSWORD).authenticate().run(),
                (false, _) => pam.authenticate().run(),
            };
            let code = match wrong {
                Wrong::Nothing => "PAM_SUCCESS",
                _ => "PAM_SERVICE_ERR",
            };
            assert_eq!(outcome.code(), code, "{key} {wrong:?}: {outcome}");
            let log: String = outcome.log().iter().map(|l| l.text.clone()).collect();
            assert!(log.contains(line), "{key} {wrong:?}: {log}");
            // The host's token is read when the flow asks for it.
            if wrong != Wrong::Nothing && key != "host" {
                assert_eq!(bench.double.connections(), 0, "{key} {wrong:?}");
            }
            if wrong != Wrong::Nothing && key == "host" {
                let requests = bench.double.requests();
                assert!(requests.iter().all(|request| request.method == "GET"));
            }
        }
    }
}
