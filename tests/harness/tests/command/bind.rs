//! `bind`: the person that an account belongs to.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::bench::{Bench, Run};
use crate::check::{FLOW, GROUPS, TOKEN, check, require_host, with_token};

const BIND: &str = "[user]\nbind = \"uid\"\n";

fn bench() -> Bench {
    let bench = with_token(FLOW, GROUPS);
    bench.config(FLOW, GROUPS, &format!("{TOKEN}\n{BIND}"));
    bench
}

fn bind(bench: &Bench, arguments: &[&str]) -> Run {
    let mut all = vec!["bind", "--config", "{config}"];
    all.extend(arguments);
    bench.run(&all)
}

fn bound(bench: &Bench, user: &str) -> Option<String> {
    fs::read_to_string(bench.path("state/bindings").join(user)).ok()
}

fn uid_of(bench: &Bench, user: &str) -> String {
    bench.double.world(|world| world.user(user).uid.clone())
}

fn set_uid(bench: &Bench, user: &str, uid: &str) {
    bench
        .double
        .world(|world| world.user_mut(user).uid = uid.to_owned());
}

#[track_caller]
fn expect(run: &Run, status: i32, parts: &[&str]) {
    assert_eq!(run.status, status, "{}", run.text);
    run.has(parts);
}

#[test]
fn an_account_is_bound_looked_at_and_bound_again() {
    require_host!();
    let bench = bench();
    let uid = uid_of(&bench, "alice");
    let says = format!("alice: bound to uid {uid}");
    expect(&bind(&bench, &["alice", "-n"]), 0, &[&says, "dry run"]);
    assert_eq!(bound(&bench, "alice"), None);
    expect(&bind(&bench, &["alice"]), 0, &[&says]);
    assert_eq!(bound(&bench, "alice"), Some(format!("{uid}\n")));
    let mode = fs::metadata(bench.path("state/bindings/alice")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o644);
    expect(&bind(&bench, &["alice"]), 0, &["already bound"]);
    // Another person has the name now.
    set_uid(&bench, "alice", "another");
    let parts = [
        "name belongs to uid another",
        "--replace",
        "nothing is changed",
    ];
    expect(&bind(&bench, &["alice"]), 1, &parts);
    assert_eq!(bound(&bench, "alice"), Some(format!("{uid}\n")));
    let parts = [format!("no longer to uid {uid}")];
    let run = bind(&bench, &["alice", "--replace"]);
    expect(&run, 0, &[&parts[0], "bound to uid another"]);
    assert_eq!(bound(&bench, "alice").as_deref(), Some("another\n"));
    expect(
        &bind(&bench, &["alice", "--remove"]),
        0,
        &["bound to nobody now"],
    );
    assert_eq!(bound(&bench, "alice"), None);
    expect(&bind(&bench, &["alice", "--remove"]), 0, &["already"]);
}

/// As after usermod --login.
#[test]
fn an_account_of_a_bound_user_id_needs_replace() {
    require_host!();
    let bench = bench();
    expect(&bind(&bench, &["alice"]), 0, &["alice: bound to uid"]);
    let bindings = bench.path("state/bindings");
    let uid = bound(&bench, "alice").unwrap();
    let ids = || -> Vec<String> {
        let names = fs::read_dir(&bindings).unwrap();
        let names = names.map(|name| name.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("-uid.")).collect()
    };
    let [id] = &ids()[..] else {
        panic!("{:?}", ids())
    };
    assert_eq!(bound(&bench, id).as_ref(), Some(&uid));
    fs::rename(bindings.join("alice"), bindings.join("alice-former")).unwrap();
    expect(
        &bind(&bench, &["alice", "--uid", "abc"]),
        1,
        &["user ID is bound to uid", "--replace"],
    );
    assert_eq!(bound(&bench, "alice"), None);
    expect(&bind(&bench, &["alice"]), 0, &["alice: bound to uid"]);
    let replaced = bind(&bench, &["alice", "--uid", "abc", "--replace"]);
    expect(&replaced, 0, &["bound to uid abc"]);
    assert_eq!(bound(&bench, id).as_deref(), Some("abc\n"));
    expect(
        &bind(&bench, &["alice", "--remove"]),
        0,
        &["bound to nobody now"],
    );
    assert_eq!(ids(), [""; 0]);
}

#[test]
fn all_that_are_bound_follow_an_authentik_that_was_set_up_again() {
    require_host!();
    let bench = bench();
    expect(&bind(&bench, &["--all"]), 0, &["nothing to do"]);
    expect(&bind(&bench, &["alice", "bob"]), 0, &["alice: ", "bob: "]);
    set_uid(&bench, "alice", "new-alice");
    bench.double.world(|world| world.remove_user("bob"));
    let former = bound(&bench, "bob");
    let parts = [
        "alice: bound to uid new-alice",
        "bob: authentik knows nobody",
    ];
    expect(&bind(&bench, &["--all"]), 1, &parts);
    assert_eq!(bound(&bench, "alice").as_deref(), Some("new-alice\n"));
    assert_eq!(bound(&bench, "bob"), former);
    assert_eq!(bound(&bench, "localadmin"), None);
}

#[test]
fn bind_says_why_it_fails() {
    require_host!();
    let bench = bench();
    for (account, part) in [
        ("root", "root is left alone"),
        ("no-such", "no such account"),
        ("a b", "no account can have this name"),
        ("../alice", "no account can have this name"),
    ] {
        let run = bind(&bench, &[account]);
        assert_ne!(run.status, 0, "{}", run.text);
        assert!(run.text.contains(part), "{}", run.text);
    }
    expect(&bind(&bench, &["alice", "--uid", "a b"]), 1, &["--uid has"]);
    expect(
        &bind(&bench, &["alice", "--uid", "abc"]),
        0,
        &["bound to uid abc"],
    );
    // A damaged file binds to nobody, and is not treated like a missing one.
    fs::write(bench.path("state/bindings/alice"), "").unwrap();
    let run = bind(&bench, &["alice", "--uid", "abc"]);
    expect(&run, 1, &["has unexpected content"]);
    let run = bind(&bench, &["alice", "--uid", "abc", "--replace"]);
    expect(&run, 0, &["bound to uid abc"]);
    // Without a token, and without the key.
    bench.config(FLOW, GROUPS, "");
    expect(
        &bind(&bench, &["bob"]),
        1,
        &["name the person with --uid", "is not set"],
    );
}

fn check_finds(bench: &Bench, status: i32, parts: &[&str]) {
    expect(
        &bench.run(&["check", "--config", "{config}"]),
        status,
        parts,
    );
}

fn mode(bench: &Bench, name: &str, mode: u32) {
    fs::set_permissions(bench.path(name), fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn check_tells_who_is_bound_and_whether_the_name_is_still_theirs() {
    require_host!();
    let bench = bench();
    check_finds(&bench, 0, &["✓ bindings", "no account is bound yet"]);
    bind(&bench, &["alice", "bob"]);
    check_finds(
        &bench,
        0,
        &["2 accounts are bound", "same person (2 looked up)"],
    );
    // alice has left, and another person has her name; bob was removed.
    set_uid(&bench, "alice", "another");
    bench.double.world(|world| world.remove_user("bob"));
    check(
        &bench,
        "bindings-of-others",
        0,
        &[
            "another person has the name now, and the module refuses them: alice",
            "no longer has anybody with this name: bob.",
            "bind --replace NAME",
            "bind --remove NAME",
        ],
    );
    let json = bench.run(&["check", "--config", "{config}", "--json"]);
    for part in [
        "\"bindings.another-person\"",
        "\"bindings.nobody\"",
        "\"bindings.stored\"",
        "\"bound_accounts\": 2",
    ] {
        assert!(json.text.contains(part), "{part} is not in {}", json.text);
    }
    assert!(!json.text.contains("bindings.good"), "{}", json.text);
}

#[test]
fn check_tells_bindings_that_cannot_be_used() {
    require_host!();
    let bench = bench();
    bind(&bench, &["alice", "bob"]);
    mode(&bench, "state/bindings/bob", 0o666);
    check(
        &bench,
        "bindings-damaged",
        1,
        &["bob (can be written by others (mode 0666))", "1 account is"],
    );
    fs::write(bench.path("state/bindings/bob"), "").unwrap();
    check_finds(&bench, 1, &["bob (can be written by others"]);
    mode(&bench, "state/bindings/bob", 0o644);
    check_finds(&bench, 1, &["bob (has unexpected content)"]);
    let file = bench.path("state/bindings/-uid.9");
    fs::write(&file, "").unwrap();
    check_finds(&bench, 1, &["user IDs are refused: -uid.9"]);
    fs::remove_file(&file).unwrap();
    assert_eq!(bind(&bench, &["bob", "--replace"]).status, 0);
    mode(&bench, "state/bindings", 0o700);
    check_finds(&bench, 0, &["! bindings", "a screen locker", "chmod 755"]);
    mode(&bench, "state/bindings", 0o777);
    check_finds(
        &bench,
        1,
        &["✗ bindings", "refuses every login", "chmod go-w"],
    );
    // Without the rule, nothing is looked at.
    bench.config(FLOW, GROUPS, TOKEN);
    let run = bench.run(&["check", "--config", "{config}"]);
    assert!(!run.text.contains("bindings"), "{}", run.text);
}
