//! `[user] bind = "uid"`: the person who has the name.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use authentik_double::Double;
use pam_harness::script::Limit;
use pam_harness::{Outcome, Pam, require_isolation, require_root};

use crate::bench::{Bench, PASSWORD, expect, line, login};
use crate::{account, password_change};

const BIND: &str = "[user]\nbind = \"uid\"\n";

/// A host whose state outlives its logins.
struct Host {
    bench: Bench,
    state: tempfile::TempDir,
}

impl Host {
    fn new() -> Self {
        Self::of(Bench::new())
    }

    fn of(bench: Bench) -> Self {
        let state = tempfile::tempdir().unwrap();
        fs::set_permissions(state.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self {
            bench: bench.section(BIND),
            state,
        }
    }

    fn pam(&self, user: &str) -> Pam {
        self.bench.pam("linux-login", user).state(self.state.path())
    }

    fn log_in(&self, user: &str) -> Outcome {
        login(self.pam(user)).run()
    }

    fn file(&self, user: &str) -> PathBuf {
        self.state.path().join("bindings").join(user)
    }

    fn bound(&self, user: &str) -> Option<String> {
        fs::read_to_string(self.file(user)).ok()
    }
}

fn uid_of(bench: &Bench, user: &str) -> String {
    bench.double.world(|world| world.user(user).uid.clone())
}

/// Gives the name to a new person.
fn change_hands(bench: &Bench, user: &str) -> String {
    let uid = "f".repeat(64);
    bench
        .double
        .world(|world| world.user_mut(user).uid = uid.clone());
    uid
}

#[test]
fn the_first_login_binds_the_account_to_its_person() {
    require_root!();
    require_isolation!();
    let host = Host::new();
    let uid = uid_of(&host.bench, "alice");
    let bound = format!("bound={uid}");
    expect(&host.log_in("alice"), "PAM_SUCCESS", &[&bound]);
    assert_eq!(host.bound("alice"), Some(format!("{uid}\n")));
    let again = host.log_in("alice");
    expect(&again, "PAM_SUCCESS", &["user=alice"]);
    assert!(!line(&again).contains("bound="), "{again}");
    assert_eq!(host.bound("bob"), None);
}

#[test]
fn another_person_under_the_name_is_refused() {
    require_root!();
    require_isolation!();
    let host = Host::new();
    let former = uid_of(&host.bench, "alice");
    expect(&host.log_in("alice"), "PAM_SUCCESS", &[]);
    let uid = change_hands(&host.bench, "alice");
    let outcome = host.log_in("alice");
    let [former_part, uid_part] = [format!("belongs to uid {former}"), format!("to uid {uid}")];
    expect(
        &outcome,
        "PAM_PERM_DENIED",
        &[
            "authpriv.err",
            "cause=another-person",
            &former_part,
            &uid_part,
        ],
    );
    let shown = outcome.shown().concat();
    assert!(!shown.contains(&former) && !shown.contains(&uid), "{shown}");
    assert_eq!(host.bound("alice"), Some(format!("{former}\n")));
    assert_eq!(host.bench.double.active_sessions("alice"), 0);
    // After root has bound the account again, the new person gets in.
    fs::write(host.file("alice"), format!("{uid}\n")).unwrap();
    expect(&host.log_in("alice"), "PAM_SUCCESS", &[]);
}

#[test]
fn nobody_who_may_not_use_the_host_is_bound() {
    require_root!();
    require_isolation!();
    let host = Host::of(Bench::new().access("groups = [\"linux-admins\"]"));
    expect(&host.log_in("eve"), "PAM_PERM_DENIED", &["in none of"]);
    assert_eq!(host.bound("eve"), None);
    let wrong = host.pam("alice").answer_secret("wrong").authenticate();
    expect(&wrong.run(), "PAM_AUTH_ERR", &[]);
    assert_eq!(host.bound("alice"), None);
}

#[test]
fn without_the_key_nothing_is_looked_at_or_kept() {
    require_root!();
    require_isolation!();
    let mut host = Host::new();
    host.bench = Bench::new();
    fs::create_dir(host.state.path().join("bindings")).unwrap();
    fs::write(host.file("alice"), "somebody-else\n").unwrap();
    expect(&host.log_in("alice"), "PAM_SUCCESS", &[]);
    expect(&host.log_in("bob"), "PAM_SUCCESS", &[]);
    assert_eq!(host.bound("bob"), None);
}

/// Each of these could have named another person.
#[test]
fn a_binding_that_cannot_be_read_refuses() {
    require_root!();
    require_isolation!();
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 7] = [
        ("has unexpected content", |file| {
            fs::write(file, "").unwrap()
        }),
        ("has unexpected content", |file| {
            fs::write(file, "a\nb\n").unwrap()
        }),
        ("written by others", |file| {
            fs::set_permissions(file, fs::Permissions::from_mode(0o666)).unwrap();
        }),
        ("belongs to uid 2001", |file| {
            chown(file, Some(2001), None).unwrap();
        }),
        ("cannot be read", |file| {
            fs::rename(file, file.with_extension("old")).unwrap();
            std::os::unix::fs::symlink("alice.old", file).unwrap();
        }),
        ("not a regular file", |file| {
            fs::remove_file(file).unwrap();
            fs::create_dir(file).unwrap();
        }),
        ("written by others", |file| {
            let directory = file.parent().unwrap();
            fs::set_permissions(directory, fs::Permissions::from_mode(0o777)).unwrap();
        }),
    ];
    for (part, damage) in damages {
        let host = Host::new();
        expect(&host.log_in("alice"), "PAM_SUCCESS", &[]);
        damage(&host.file("alice"));
        let outcome = host.log_in("alice");
        expect(
            &outcome,
            "PAM_SYSTEM_ERR",
            &["cause=binding-failed", part, "authpriv.err"],
        );
    }
}

#[test]
fn a_first_binding_that_cannot_be_written_refuses() {
    require_root!();
    require_isolation!();
    // A file instead of the directory.
    let host = Host::new();
    fs::write(host.state.path().join("bindings"), "").unwrap();
    let outcome = host.log_in("alice");
    expect(&outcome, "PAM_SYSTEM_ERR", &["not a directory"]);
    // A caller's limit that would kill the program with a signal.
    let host = Host::new();
    let outcome = login(host.pam("alice").limit(Limit::FileSize, 0)).run();
    expect(&outcome, "PAM_SYSTEM_ERR", &["cause=binding-failed"]);
    assert_eq!(host.bound("alice"), None);
}

/// The caller of su chooses the umask.
#[test]
fn a_caller_changes_nothing_about_the_files() {
    require_root!();
    require_isolation!();
    for umask in [0, 0o777] {
        let host = Host::new();
        let pam = host
            .pam("alice")
            .process(pam_harness::script::ProcessOptions {
                umask: Some(umask),
                real_uid: Some(2001),
                ..Default::default()
            });
        let outcome = login(pam).run();
        expect(&outcome, "PAM_SUCCESS", &["bound="]);
        assert_eq!(outcome.host_differences(), [""; 0]);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&host.file("alice")), 0o644);
        assert_eq!(mode(host.file("alice").parent().unwrap()), 0o755);
    }
}

/// A screen locker runs as its user.
#[test]
fn a_service_without_root_uses_bindings_and_makes_none() {
    let Some(uid) = pam_harness::ordinary_user() else {
        pam_harness::skip!("only root can do this");
    };
    require_isolation!(Some(uid));
    let host = Host::new();
    let unlock = |host: &Host| login(host.pam("alice").as_user(uid)).run();
    chown(host.state.path(), Some(uid), None).unwrap();
    let outcome = unlock(&host);
    expect(&outcome, "PAM_SYSTEM_ERR", &["cause=not-bound"]);
    assert!(!host.file("alice").parent().unwrap().exists());
    fs::create_dir(host.state.path().join("bindings")).unwrap();
    let own = uid_of(&host.bench, "alice");
    fs::write(host.file("alice"), format!("{own}\n")).unwrap();
    for path in [host.file("alice"), host.state.path().join("bindings")] {
        chown(path, Some(uid), None).unwrap();
    }
    expect(&unlock(&host), "PAM_SUCCESS", &[]);
    change_hands(&host.bench, "alice");
    expect(&unlock(&host), "PAM_PERM_DENIED", &["cause=another-person"]);
}

/// Two processes, two persons with the same name, one account.
#[test]
fn one_of_two_first_logins_at_once_makes_the_binding() {
    require_root!();
    require_isolation!();
    let mut winners = Vec::new();
    for _ in 0..6 {
        let host = Host::new();
        let other = Host::of(Bench::with(Double::builder().without_pause()));
        change_hands(&other.bench, "alice");
        let state = host.state.path();
        let race = |bench: &Bench| login(bench.pam("linux-login", "alice").state(state)).run();
        let outcomes = std::thread::scope(|scope| {
            let first = scope.spawn(|| race(&host.bench));
            let second = scope.spawn(|| race(&other.bench));
            [first.join().unwrap(), second.join().unwrap()]
        });
        let codes = outcomes.each_ref().map(|o| o.code().to_string());
        let won = codes.iter().position(|code| code == "PAM_SUCCESS");
        assert!(codes.contains(&"PAM_PERM_DENIED".into()), "{codes:?}");
        let won = won.expect("none of the logins at once got in");
        let uid = uid_of([&host.bench, &other.bench][won], "alice");
        assert_eq!(host.bound("alice"), Some(format!("{uid}\n")));
        let files = fs::read_dir(state.join("bindings")).unwrap().count();
        assert_eq!(files, 2, "of the name and of the user ID");
        winners.push(won);
    }
    eprintln!("who won: {winners:?}");
}

#[test]
fn a_look_up_behind_a_key_compares_and_binds_nobody() {
    require_root!();
    require_isolation!();
    let host = Host::of(account::bench(""));
    let key = |host: &Host| account::key(&host.bench, "alice").state(host.state.path());
    account::expect(&key(&host).run(), "PAM_SUCCESS", "user=alice");
    assert_eq!(host.bound("alice"), None);
    expect(&host.log_in("alice"), "PAM_SUCCESS", &["bound="]);
    account::expect(&key(&host).run(), "PAM_SUCCESS", "user=alice");
    change_hands(&host.bench, "alice");
    account::expect(&key(&host).run(), "PAM_PERM_DENIED", "cause=another-person");
    fs::write(host.file("alice"), "").unwrap();
    account::expect(&key(&host).run(), "PAM_SYSTEM_ERR", "cause=binding-failed");
}

/// They own the same files.
#[test]
fn accounts_with_one_user_id_belong_to_one_person() {
    require_root!();
    require_isolation!();
    let host = Host::of(account::bench(""));
    let pam = |user: &str| host.pam(user).account("alice", 2001).account("bob", 2001);
    expect(&login(pam("alice")).run(), "PAM_SUCCESS", &["bound="]);
    let outcome = login(pam("bob")).run();
    expect(&outcome, "PAM_PERM_DENIED", &["cause=another-person"]);
    assert_eq!(host.bound("bob"), None);
    let key = account::key(&host.bench, "bob").state(host.state.path());
    let outcome = key.account("alice", 2001).account("bob", 2001).run();
    account::expect(&outcome, "PAM_PERM_DENIED", "cause=another-person");
    // With a user ID of his own he gets in.
    let own = login(host.pam("bob").account("bob", 2002)).run();
    expect(&own, "PAM_SUCCESS", &["bound="]);
}

#[test]
fn an_account_that_is_renamed_stays_with_its_person() {
    require_root!();
    require_isolation!();
    let host = Host::new();
    let uid = uid_of(&host.bench, "alice");
    let pam = |user: &str| host.pam(user).account("alice-new", 2001);
    expect(
        &login(host.pam("alice").account("alice", 2001)).run(),
        "PAM_SUCCESS",
        &["bound="],
    );
    host.bench.double.world(|world| {
        world.user_mut("alice").username = "alice-new".into();
    });
    let former = change_hands(&host.bench, "alice-new");
    let outcome = login(pam("alice-new")).run();
    expect(
        &outcome,
        "PAM_PERM_DENIED",
        &["cause=another-person", &uid, &former],
    );
    host.bench
        .double
        .world(|world| world.user_mut("alice-new").uid = uid.clone());
    let bound = format!("bound={uid}");
    expect(&login(pam("alice-new")).run(), "PAM_SUCCESS", &[&bound]);
    assert_eq!(host.bound("alice-new"), Some(format!("{uid}\n")));
}

/// A key outlives a rename. A bound account is not an account of this host alone, which
/// authentik does not know.
#[test]
fn a_bound_account_whose_name_authentik_does_not_know_is_refused() {
    require_root!();
    require_isolation!();
    for unknown in ["ignore", "deny"] {
        let host = Host::of(account::bench(&format!("unknown = \"{unknown}\"\n")));
        let key = |user: &str| {
            account::key(&host.bench, user)
                .stack("account required {module} {arguments}\naccount required pam_permit.so\n")
                .state(host.state.path())
                .run()
        };
        let uid = uid_of(&host.bench, "alice");
        expect(&host.log_in("alice"), "PAM_SUCCESS", &["bound="]);
        host.bench.double.world(|world| {
            world.user_mut("alice").username = "alice-former".into();
        });
        let outcome = key("alice");
        account::expect(&outcome, "PAM_PERM_DENIED", "cause=person-gone");
        // As after a rename of the account here: only its user ID is bound.
        fs::rename(host.file("alice"), host.file("alice-earlier")).unwrap();
        account::expect(&key("alice"), "PAM_PERM_DENIED", "cause=person-gone");
        account::expect(&outcome, "PAM_PERM_DENIED", &format!("bound to uid {uid}"));
        let shown = outcome.shown().concat();
        assert!(!shown.contains(&uid), "{shown}");
        fs::write(host.file("alice"), "").unwrap();
        account::expect(&key("alice"), "PAM_SYSTEM_ERR", "cause=binding-failed");
        let directory = host.file("alice").parent().expect("a directory").to_owned();
        for file in fs::read_dir(directory).unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
        // As for somebody who never had an account in authentik.
        for user in ["alice", "localadmin"] {
            let outcome = key(user);
            match unknown {
                "ignore" => assert_eq!(outcome.code().to_string(), "PAM_SUCCESS", "{outcome}"),
                _ => account::expect(&outcome, "PAM_PERM_DENIED", "cause=not-in-authentik"),
            }
        }
    }
}

#[test]
fn passwd_compares_before_it_changes_anything() {
    require_root!();
    require_isolation!();
    let host = Host::of(password_change::bench());
    expect(&host.log_in("alice"), "PAM_SUCCESS", &["bound="]);
    change_hands(&host.bench, "alice");
    let outcome = password_change::passwd(&host.bench)
        .state(host.state.path())
        .answer_secret(PASSWORD)
        .chauthtok()
        .run();
    password_change::expect(&outcome, "PAM_PERM_DENIED", "cause=another-person");
    assert_eq!(password_change::password_of(&host.bench, "alice"), PASSWORD);
}
