//! Accounts of a directory whose names have a domain (`[user] domain`), with an account
//! database that answers like winbind and SSSD.

use authentik_double::User;
use pam_harness::Outcome;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::bench::{Bench, PASSWORD, expect};

const FRONT: &str = "[user]\nignore = [\"localadmin\", \"backup\"]\ndomain = 'EXAMPLE\\'\n";
const LOWERED: &str =
    "[user]\nignore = [\"localadmin\", \"backup\"]\ndomain = 'EXAMPLE\\'\nlowercase = true\n";
const BEHIND: &str = "[user]\ndomain = \"@example.com\"\n";

/// The names in authentik, all with the same password. An account that is let in under a wrong
/// name is noticed at once.
const IN_AUTHENTIK: [&str; 22] = [
    "alma",
    "bert",
    "cleo",
    "dirk",
    "emil",
    "root",
    "daemon",
    "localadmin",
    "backup",
    "finn",
    "Finn",
    "gerd",
    "Gerd",
    "hans",
    "zero",
    "-rf",
    "ROOT",
    "LocalAdmin",
    "OTHER\\alma",
    "EXAMPLE\\alma",
    "alma@example.com",
    "EXAMPLE\\alma@example.com",
];

/// The folder with the database's library.
fn library() -> PathBuf {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/module/domain_nss.c");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"])
            .args([
                folder.path().join("libnss_domain.so.2").as_os_str(),
                source.as_ref(),
            ])
            .status();
        assert!(built.expect("a C compiler").success());
        folder
    });
    folder.path().to_owned()
}

fn bench(section: &str) -> Bench {
    let bench = Bench::new().section(section);
    bench.double.world(|world| {
        for name in IN_AUTHENTIK {
            world.add_user(User::new(name).password(PASSWORD));
        }
    });
    bench
}

fn log_in(bench: &Bench, user: &str) -> Outcome {
    bench
        .pam("linux-login", user)
        .env("LD_LIBRARY_PATH", &library().display().to_string())
        .overlay(
            "/etc/nsswitch.conf",
            "passwd: files domain\ngroup: files\nshadow: files\nhosts: files\n",
        )
        .answer_every_secret(PASSWORD)
        .authenticate()
        .run()
}

#[test]
fn a_domain_is_taken_off_where_the_short_name_is_nobody_elses() {
    pam_harness::require_isolation!();
    for (section, user) in [
        (FRONT, "EXAMPLE\\alma"),
        // The database also knows the short name, and it is the same entry.
        (FRONT, "EXAMPLE\\bert"),
        (BEHIND, "alma@example.com"),
        (LOWERED, "EXAMPLE\\Gerd"),
        (LOWERED, "EXAMPLE\\finn"),
    ] {
        let outcome = log_in(&bench(section), user);
        expect(&outcome, "PAM_SUCCESS", &[&format!("user={user} ")]);
        assert_eq!(outcome.user(), Some(user), "the module changed PAM_USER");
    }
    // Names without a domain are unchanged: those of the host.
    let outcome = log_in(&bench(FRONT), "alice");
    expect(&outcome, "PAM_SUCCESS", &["user=alice "]);
}

/// A database that takes any spelling gives the same entry for the name in lower case.
#[test]
fn a_lowered_name_may_be_the_same_entry_and_no_other() {
    pam_harness::require_isolation!();
    let bench = Bench::new().section("[user]\nlowercase = true\n");
    bench.double.world(|world| {
        for name in ["lene", "mona"] {
            world.add_user(User::new(name).password(PASSWORD));
        }
    });
    let outcome = log_in(&bench, "Lene");
    expect(&outcome, "PAM_SUCCESS", &["user=Lene "]);
    let outcome = log_in(&bench, "Mona");
    expect(
        &outcome,
        "PAM_PERM_DENIED",
        &["user=Mona ", "that of another account of this host"],
    );
    // The host's own name is what counts.
    let outcome = log_in(&bench, "lene");
    expect(&outcome, "PAM_USER_UNKNOWN", &[]);
}

/// Without `domain`, authentik must have the name as it is.
#[test]
fn without_the_key_no_domain_is_removed() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    bench.double.world(|world| {
        world.add_user(User::new("alma").password(PASSWORD));
    });
    let outcome = log_in(&bench, "EXAMPLE\\alma");
    expect(&outcome, "PAM_AUTH_ERR", &["user=EXAMPLE\\alma "]);
}

#[test]
fn everything_else_is_refused_before_anybody_is_asked() {
    pam_harness::require_isolation!();
    const ANOTHERS: &str = "the name of another account of this host";
    const LEFT_ALONE: &str = "the name of an account that is left alone";
    for (section, user, reason) in [
        // Another entry: from `files`, with the same uid, with the same name, of another user.
        (FRONT, "EXAMPLE\\alice", ANOTHERS),
        (FRONT, "EXAMPLE\\cleo", ANOTHERS),
        (FRONT, "EXAMPLE\\dirk", ANOTHERS),
        (FRONT, "EXAMPLE\\emil", ANOTHERS),
        // The host's own accounts.
        (FRONT, "EXAMPLE\\root", LEFT_ALONE),
        (FRONT, "EXAMPLE\\daemon", LEFT_ALONE),
        (FRONT, "EXAMPLE\\localadmin", LEFT_ALONE),
        (FRONT, "EXAMPLE\\backup", LEFT_ALONE),
        // And in lower case.
        (LOWERED, "EXAMPLE\\ROOT", LEFT_ALONE),
        (LOWERED, "EXAMPLE\\LocalAdmin", LEFT_ALONE),
        (LOWERED, "EXAMPLE\\Finn", ANOTHERS),
        // Other domains.
        (FRONT, "OTHER\\alma", "another domain"),
        (FRONT, "alma@example.com", "another domain"),
        (BEHIND, "EXAMPLE\\alma", "another domain"),
        (FRONT, "EXAMPLE\\alma@example.com", "more than one domain"),
        (BEHIND, "EXAMPLE\\alma@example.com", "more than one domain"),
        (FRONT, "EXAMPLE\\-rf", "no account can have"),
    ] {
        let bench = bench(section);
        let outcome = log_in(&bench, user);
        expect(
            &outcome,
            "PAM_PERM_DENIED",
            &[&format!("user={user} "), "[user] domain", reason],
        );
        assert!(outcome.prompts().is_empty(), "{user}: {outcome}");
        assert!(bench.double.requests().is_empty(), "{user}: {outcome}");
    }
}

/// "Not found" differs from a database that does not answer.
#[test]
fn a_failing_database_does_not_make_a_name_free() {
    pam_harness::require_isolation!();
    let bench = bench(FRONT);
    let outcome = log_in(&bench, "EXAMPLE\\hans");
    expect(&outcome, "PAM_SYSTEM_ERR", &["the account database"]);
    assert!(bench.double.requests().is_empty(), "{outcome}");
}

/// Whatever the name of uid 0 is, its short name is root's.
#[test]
fn uid_0_has_no_short_name() {
    pam_harness::require_isolation!();
    let section = FRONT.replace("[user]\n", "[user]\nallow_root = true\n");
    let outcome = log_in(&bench(&section), "EXAMPLE\\zero");
    expect(&outcome, "PAM_PERM_DENIED", &["left alone"]);
    // Without that key it is left alone itself.
    let outcome = log_in(&bench(FRONT), "EXAMPLE\\zero");
    let line = crate::bench::line(&outcome);
    assert!(line.contains("PAM_IGNORE: user=EXAMPLE\\zero "), "{line}");
}

/// Both sides of the account look-up use the same name.
#[test]
fn accounts_are_looked_up_by_the_short_name() {
    pam_harness::require_isolation!();
    let section = format!("{FRONT}[account]\ntoken_file = \"{{dir}}/account.token\"\n");
    for (user, code) in [
        ("EXAMPLE\\alma", "PAM_SUCCESS"),
        ("EXAMPLE\\cleo", "PAM_PERM_DENIED"),
    ] {
        let bench = bench(&section);
        let outcome = bench
            .pam("linux-login", user)
            .env("LD_LIBRARY_PATH", &library().display().to_string())
            .overlay(
                "/etc/nsswitch.conf",
                "passwd: files domain\ngroup: files\nshadow: files\nhosts: files\n",
            )
            .file("account.token", "view-user-group-token\n")
            .acct_mgmt()
            .run();
        let line = crate::bench::line(&outcome);
        assert!(line.contains(&format!("{code}: user={user} ")), "{line}");
    }
}
