//! What authentik is told in the query of each request.

use std::collections::BTreeMap;

use authentik_double::{Flow, Policy, SeenRequest};
use pam_harness::codes::Item;

use crate::bench::{Bench, PASSWORD, expect, login};

fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        let mut digit = || {
            char::from(bytes.next().expect("two digits"))
                .to_digit(16)
                .expect("hex")
        };
        match byte {
            b'%' => plain.push(u8::try_from(digit() * 16 + digit()).expect("a byte")),
            b'+' => plain.push(b' '),
            byte => plain.push(byte),
        }
    }
    plain
}

fn pairs(query: &str) -> BTreeMap<String, String> {
    let text = |part: &str| String::from_utf8(decoded(part)).expect("UTF-8");
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (text(key), text(value)))
        .collect()
}

/// The query within the request's query.
fn told(request: &SeenRequest) -> BTreeMap<String, String> {
    let outer = pairs(&request.query);
    assert_eq!(
        outer.len(),
        usize::from(!outer.is_empty()),
        "{}",
        request.query
    );
    pairs(outer.get("query").map(String::as_str).unwrap_or_default())
}

fn of_login(bench: &Bench) -> Vec<SeenRequest> {
    let requests = bench.double.requests();
    requests
        .into_iter()
        .filter(|request| request.path.contains("/executor/linux-login/"))
        .collect()
}

#[test]
fn the_query_says_who_comes_from_where() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let pam = bench.pam_for("sudo", "linux-login");
    let outcome = login(pam.user("alice").tty("/dev/pts/3").ruser("bob")).run();
    assert_eq!(outcome.code(), "PAM_SUCCESS", "{outcome}");
    let requests = of_login(&bench);
    assert_eq!(requests.len(), 5);
    for request in requests {
        let mut told = told(&request);
        let host = told.remove("pam_host").unwrap_or_default();
        assert!(!host.is_empty(), "the module sent no host name");
        let told: Vec<(&str, &str)> = told.iter().map(|(k, v)| (&**k, &**v)).collect();
        assert_eq!(
            told,
            [
                ("pam_rhost", "192.0.2.7"),
                ("pam_ruser", "bob"),
                ("pam_service", "sudo"),
                ("pam_tty", "/dev/pts/3"),
                ("pam_user", "alice"),
            ]
        );
    }
}

/// As authentik's own policies read it.
#[test]
fn a_policy_reads_it_and_tightens() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    bench.double.world(|world| {
        let flow = Flow::new("ssh-only")
            .identification()
            .password()
            .user_login();
        let policy = |request: &authentik_double::PolicyRequest<'_>| {
            request.query("pam_service") == Some("sshd")
                && request.query("pam_user") == Some("alice")
        };
        world.add_flow(flow.policy(Policy::check(policy)));
    });
    expect(
        &bench.log_in("ssh-only", "alice", &[PASSWORD]),
        "PAM_SUCCESS",
        &[],
    );
    for pam in [
        bench.pam("ssh-only", "bob"),
        bench.pam_for("sudo", "ssh-only").user("alice"),
    ] {
        let outcome = pam.authenticate().run();
        assert_eq!(outcome.code(), "PAM_PERM_DENIED", "{outcome}");
    }
}

/// An absolute `next` would end the flow in a denial, and one of an attacker could be worse: a
/// value that a user chooses never becomes another key.
#[test]
fn nothing_is_smuggled_into_the_query() {
    pam_harness::require_isolation!();
    let evil = "x&next=https://evil.example/";
    for (item, value) in [
        (Item::Rhost, evil),
        (Item::Tty, evil),
        (Item::Ruser, evil),
        (Item::Rhost, "x%26next%3Dhttps%3A%2F%2Fevil.example"),
        (Item::Rhost, "a\r\nX-Evil: 1"),
        (Item::Rhost, "\u{202e}evil"),
        (Item::Tty, "next=https://evil.example/#?&"),
        (Item::Rhost, &"a".repeat(3_000)),
        (Item::Tty, &"t".repeat(3_000)),
        (Item::Ruser, &"r".repeat(3_000)),
    ] {
        let bench = Bench::new();
        let outcome = login(bench.pam("linux-login", "alice").item(item, value)).run();
        assert_eq!(outcome.code(), "PAM_SUCCESS", "{value:.40}: {outcome}");
        for request in bench.double.requests() {
            assert!(request.query.len() < 2000, "{}", request.query.len());
            assert_eq!(request.header("x-evil"), None);
            for (key, told) in told(&request) {
                assert!(key.starts_with("pam_"), "{value:.40}: {key}");
                assert!(told.len() < 256, "{key} is {} bytes", told.len());
                assert!(!told.contains(['&', '=', '<', '#', ' ']), "{key}: {told}");
            }
        }
    }
}

/// Users sometimes type passwords at a prompt for the name.
#[test]
fn a_name_that_no_account_has_is_not_told() {
    pam_harness::require_isolation!();
    let bench = Bench::new().section("[user]\nrequire_account = false\n");
    bench.double.world(|world| {
        world.add_user(authentik_double::User::new("hunter2").password(PASSWORD));
    });
    let pam = bench.pam("linux-login", "hunter2").ruser("hunter3");
    let outcome = login(pam).run();
    assert_eq!(outcome.code(), "PAM_SUCCESS", "{outcome}");
    for request in bench.double.requests() {
        assert!(!request.query.contains("hunter"), "{}", request.query);
    }
    assert!(!of_login(&bench).is_empty());
}
