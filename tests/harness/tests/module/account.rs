//! `pam_acct_mgmt`: for users that this module logged in, and for users who came with a key.

use authentik_double::{Fault, Group, Match, SeenRequest, User, Version};
use pam_harness::codes::Item;
use pam_harness::{Outcome, Pam};

use crate::bench::{Bench, PASSWORD};

const USERS: &str = "GET /api/v3/core/users/";

/// A bench whose hosts look users up with a token that may see users and groups.
pub(crate) fn bench(more: &str) -> Bench {
    Bench::new()
        .access("groups = [\"linux-admins\"]")
        .section(&format!(
            "[account]\ntoken_file = \"{{dir}}/account.token\"\n{more}"
        ))
}

/// A user that sshd has let in with a key.
pub(crate) fn key(bench: &Bench, user: &str) -> Pam {
    key_with(bench, user, "view-user-group-token")
}

pub(crate) fn key_with(bench: &Bench, user: &str, token: &str) -> Pam {
    bench
        .pam("linux-login", user)
        .file("account.token", &format!("{token}\n"))
        .acct_mgmt()
}

/// The line of the account call in the log, without those of the login.
#[track_caller]
fn line(outcome: &Outcome) -> String {
    let lines: Vec<String> = outcome
        .log()
        .iter()
        .map(|line| line.text.clone())
        .filter(|text| text.contains(":account): ") && !text.contains("debug: "))
        .collect();
    assert_eq!(lines.len(), 1, "{outcome}");
    lines.concat()
}

#[track_caller]
pub(crate) fn expect(outcome: &Outcome, code: &str, part: &str) {
    let line = line(outcome);
    assert!(
        line.contains(&format!(":account): {code}:")),
        "{line}\n{outcome}"
    );
    assert!(line.contains(part), "{part:?} is not in {line}");
    // libpam gives no PAM_IGNORE to an application.
    let shown = if code == "PAM_IGNORE" {
        "PAM_PERM_DENIED"
    } else {
        code
    };
    assert_eq!(outcome.code().to_string(), shown, "{outcome}");
}

#[test]
fn a_key_is_judged_by_the_account_behind_it() {
    pam_harness::require_isolation!();
    for (user, code, part) in [
        ("alice", "PAM_SUCCESS", "user=alice"),
        // In a child of the required group.
        ("frank", "PAM_SUCCESS", "user=frank"),
        ("dave", "PAM_ACCT_EXPIRED", "not active"),
        ("eve", "PAM_PERM_DENIED", "in none of the groups"),
        ("mallory", "PAM_PERM_DENIED", "external"),
        ("robot", "PAM_PERM_DENIED", "service_account"),
        (
            "localadmin",
            "PAM_PERM_DENIED",
            "knows nobody with this name",
        ),
        // authentik has alice and bob, and this host also has Bob.
        ("Bob", "PAM_PERM_DENIED", "knows nobody with this name"),
        ("nobody-here", "PAM_USER_UNKNOWN", "user=(unknown)"),
        ("al ice", "PAM_USER_UNKNOWN", "blanks"),
    ] {
        let bench = bench("");
        let outcome = key(&bench, user).run();
        expect(&outcome, code, part);
        let words = outcome.shown().concat();
        let silent = ["PAM_SUCCESS", "PAM_USER_UNKNOWN"].contains(&code);
        assert_eq!(words.is_empty(), silent, "{outcome}");
    }
}

#[test]
fn the_token_goes_with_the_look_up_and_nothing_else_does() {
    pam_harness::require_isolation!();
    let bench = bench("");
    let pam = bench
        .pam("linux-login", "alice")
        .file("account.token", "view-user-group-token")
        .answer_secret(PASSWORD)
        .authenticate()
        // Another user on the same handle: no mark, and the cookies of the login before.
        .then_item(Item::User, "frank")
        .acct_mgmt();
    let outcome = pam.run();
    let codes: Vec<String> = outcome.codes().iter().map(ToString::to_string).collect();
    assert_eq!(codes, ["PAM_SUCCESS", "PAM_SUCCESS"], "{outcome}");
    let is_lookup = |request: &SeenRequest| {
        request.path == "/api/v3/core/users/" || request.path.contains("/core/groups/")
    };
    let requests = bench.double.requests();
    // Where the list names no parents, frank's group and the one above it are asked for.
    let expected = match Version::asked_for().lists_parents() {
        true => 1,
        false => 3,
    };
    assert_eq!(requests.iter().filter(|r| is_lookup(r)).count(), expected);
    for request in &requests {
        let authorization = request.header("authorization");
        if is_lookup(request) {
            assert_eq!(authorization, Some("Bearer view-user-group-token"));
            assert_eq!(request.header("cookie"), None);
            assert_eq!(request.header("x-authentik-csrf"), None);
        } else {
            assert_eq!(authorization, None, "{}", request.path);
        }
        assert!(!request.query.contains("token"), "{}", request.query);
    }
    let lookup = requests.iter().find(|r| is_lookup(r)).expect("a look-up");
    assert_eq!(lookup.query, "username=frank");
}

#[test]
fn a_user_who_logged_in_here_is_not_looked_up() {
    pam_harness::require_isolation!();
    for section in ["", "[account]\ntoken_file = \"{dir}/account.token\"\n"] {
        let bench = Bench::new().section(section);
        let outcome = bench
            .pam("linux-login", "alice")
            .file("account.token", "view-user-group-token")
            .answer_secret(PASSWORD)
            .authenticate()
            .acct_mgmt()
            .run();
        let codes: Vec<String> = outcome.codes().iter().map(ToString::to_string).collect();
        assert_eq!(codes, ["PAM_SUCCESS", "PAM_SUCCESS"], "{outcome}");
        assert!(!bench.requests().iter().any(|r| r == USERS));
        assert_eq!(
            outcome.log().len(),
            1,
            "the login does not have exactly one line in the log: {outcome}"
        );
    }
}

/// The mark counts for one user, and for the rules that let them in.
#[test]
fn a_login_counts_for_its_own_person_and_flow_alone() {
    pam_harness::require_isolation!();
    let stack =
        "auth required {module} {arguments}\naccount required {module} {arguments} ACCOUNT\n";
    for (item, arguments) in [
        (Some((Item::User, "bob")), ""),
        (Some((Item::User, "Bob")), ""),
        (None, "flow=linux-combined"),
    ] {
        let bench = Bench::new();
        let pam = bench
            .pam("linux-login", "alice")
            .stack(&stack.replace("ACCOUNT", arguments))
            .answer_secret(PASSWORD)
            .authenticate();
        let pam = match item {
            Some((item, value)) => pam.then_item(item, value),
            None => pam,
        };
        let outcome = pam.acct_mgmt().run();
        let codes: Vec<String> = outcome.codes().iter().map(ToString::to_string).collect();
        // Ignored, which libpam turns into a denial if the stack has no other line.
        assert_eq!(
            codes,
            ["PAM_SUCCESS", "PAM_PERM_DENIED"],
            "{item:?} {outcome}"
        );
    }
    // Arguments that change neither the server nor the question make no difference.
    let bench = Bench::new();
    let outcome = bench
        .pam("linux-login", "alice")
        .stack(&stack.replace("ACCOUNT", "debug nodelay"))
        .answer_secret(PASSWORD)
        .authenticate()
        .acct_mgmt()
        .run();
    assert_eq!(outcome.code(), "PAM_SUCCESS", "{outcome}");
    // A later login that fails removes the mark.
    let outcome = bench
        .pam("linux-login", "alice")
        .answer_secret(PASSWORD)
        .answer_secret("wrong")
        .authenticate()
        .authenticate()
        .acct_mgmt()
        .run();
    let codes: Vec<String> = outcome.codes().iter().map(ToString::to_string).collect();
    assert_eq!(
        codes,
        ["PAM_SUCCESS", "PAM_AUTH_ERR", "PAM_PERM_DENIED"],
        "{outcome}"
    );
}

/// sudo calls the account stack with NOPASSWD too, and so do cron and systemd.
#[test]
fn users_that_are_not_looked_up_are_left_to_other_modules() {
    pam_harness::require_isolation!();
    let permit = "account required {module} {arguments}\naccount required pam_permit.so\n";
    let only_us = "account required {module} {arguments}\n";
    for (service, user, section) in [
        (
            "sudo",
            "alice",
            "[account]\ntoken_file = \"{dir}/account.token\"\n",
        ),
        (
            "cron",
            "root",
            "[account]\ntoken_file = \"{dir}/account.token\"\n",
        ),
        ("sshd", "alice", ""),
        ("sshd", "eve", ""),
        ("sshd", "nobody-here", ""),
        (
            "sshd",
            "root",
            "[account]\ntoken_file = \"{dir}/account.token\"\n",
        ),
        (
            "sshd",
            "daemon",
            "[account]\ntoken_file = \"{dir}/account.token\"\n",
        ),
        (
            "sshd",
            "eve",
            "[user]\nignore = [\"eve\"]\n[account]\ntoken_file = \"{dir}/account.token\"\n",
        ),
        (
            "sshd",
            "eve",
            "[user]\nallow = [\"alice\"]\n[account]\ntoken_file = \"{dir}/account.token\"\n",
        ),
    ] {
        let bench = Bench::new()
            .access("groups = [\"linux-admins\"]")
            .section(section);
        let pam = bench
            .pam_for(service, "linux-login")
            .user(user)
            .file("account.token", "view-user-group-token");
        let outcome = pam.clone().stack(permit).acct_mgmt().run();
        assert_eq!(outcome.code(), "PAM_SUCCESS", "{service} {user} {outcome}");
        assert!(
            outcome.log().is_empty(),
            "the module logged a line for a user that it leaves alone: {outcome}"
        );
        // It was no success of ours.
        let outcome = pam.stack(only_us).acct_mgmt().run();
        assert_eq!(
            outcome.code(),
            "PAM_PERM_DENIED",
            "{service} {user} {outcome}"
        );
        assert_eq!(bench.requests(), [""; 0]);
    }
    // sudo is looked up if it is listed, and sudo-i with it.
    for service in ["sudo", "sudo-i"] {
        let bench = bench("services = [\"sudo\"]\n");
        let pam = bench.pam_for(service, "linux-login").user("dave");
        let pam = pam.file("account.token", "view-user-group-token");
        assert_eq!(
            pam.acct_mgmt().run().code(),
            "PAM_ACCT_EXPIRED",
            "{service}"
        );
        assert_eq!(
            key(&bench, "dave").run().code(),
            "PAM_PERM_DENIED",
            "the module looked up a user of a service that is not listed"
        );
    }
}

#[test]
fn a_server_that_is_down_denies_unless_the_configuration_lets_them_by() {
    pam_harness::require_isolation!();
    let ignore = "on_unavailable = \"ignore\"\n";
    type Strike = fn(Fault) -> Fault;
    let down: [Strike; 4] = [
        Fault::server_error,
        Fault::bad_gateway,
        Fault::never_answer,
        Fault::starting,
    ];
    // What a user can cause, and every doubt, does not count as a server that is down.
    let doubtful: [Strike; 8] = [
        Fault::close,
        |fault| fault.answer(429, "application/json", "{}"),
        |fault| {
            fault
                .answer(503, "text/html", "")
                .header("Retry-After", "9")
        },
        |fault| fault.answer(404, "text/html", ""),
        |fault| {
            fault
                .answer(302, "text/html", "")
                .header("Location", "/login")
        },
        |fault| fault.answer(200, "text/html", "<html>"),
        |fault| fault.answer(200, "application/json", "{}"),
        |fault| fault.answer(200, "application/json", "[]"),
    ];
    let strikes = down
        .iter()
        .map(|s| (s, true))
        .chain(doubtful.iter().map(|s| (s, false)));
    for (strike, is_down) in strikes {
        for (more, ignores) in [("", false), (ignore, true)] {
            let bench = bench(more).top("request_timeout = \"1s\"");
            bench
                .double
                .inject(strike(Fault::on(Match::path("core/users"))));
            let outcome = key(&bench, "alice").run();
            let code = match is_down && ignores {
                true => "PAM_IGNORE",
                false => "PAM_PERM_DENIED",
            };
            expect(&outcome, code, "on_unavailable");
            assert_eq!(
                outcome.shown().is_empty(),
                code == "PAM_IGNORE",
                "{outcome}"
            );
        }
    }
    for (more, code) in [("", "PAM_PERM_DENIED"), (ignore, "PAM_IGNORE")] {
        let bench = bench(more).top("url = \"https://127.0.0.1:1\"");
        expect(&key(&bench, "alice").run(), code, "no connection");
    }
    // A server that has answered is not unavailable, whatever its next answer is.
    for (more, code) in [("", "PAM_PERM_DENIED"), (ignore, "PAM_PERM_DENIED")] {
        let bench = bench(more).top("request_timeout = \"1s\"");
        deep(&bench, 3);
        bench
            .double
            .inject(Fault::on(Match::path("core/groups")).server_error());
        expect(&key(&bench, "eve").run(), code, "HTTP status 5");
    }
}

/// Groups `level-1` to `level-DEPTH`, each a child of the next, and eve in the first.
pub(crate) fn deep(bench: &Bench, depth: usize) {
    bench.double.world(|world| {
        for level in 1..=depth {
            let group = Group::new(&format!("level-{level}"));
            world.add_group(match level < depth {
                true => group.parent(&format!("level-{}", level + 1)),
                false => group,
            });
        }
        world.add_user(User::new("eve").group("level-1"));
    });
}

#[test]
fn a_wrong_configuration_lets_nobody_by() {
    pam_harness::require_isolation!();
    for section in [
        "[account]\ntoken_file = \"account.token\"\n",
        "[account]\ntoken_file = \"/t\"\nservices = []\n",
        "[account]\ntoken_file = \"/t\"\nunknown = \"allow\"\n",
        "[account]\non_unavailable = \"ignore\"\n",
        "[account]\ntokenfile = \"/t\"\n",
    ] {
        let bench = Bench::new().section(section);
        let outcome = bench.pam("linux-login", "alice").acct_mgmt().run();
        expect(&outcome, "PAM_SERVICE_ERR", "config.toml");
    }
}
