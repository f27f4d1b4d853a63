//! Lines of a stack that work together.

use authentik_double::{Field, Flow, Prompt};

use crate::bench::{Bench, PASSWORD};
use crate::password_change::{self, NEW, expect, passwd, password_of};

/// Two lines of the module. The first changes the password at another authentik, and leaves the
/// old and the new password for the second.
const BOTH: &str = "\
password required {module} config={dir}/first.toml
password required {module} {arguments}
";

#[test]
fn the_stacks_new_password_is_used_as_the_arguments_say() {
    pam_harness::require_isolation!();
    for (arguments, first, typed, code, now) in [
        ("use_authtok", NEW, None, "PAM_SUCCESS", NEW),
        ("use_first_pass", NEW, None, "PAM_SUCCESS", NEW),
        ("try_first_pass", NEW, None, "PAM_SUCCESS", NEW),
        ("try_first_pass", "short", Some(NEW), "PAM_SUCCESS", NEW),
        ("use_authtok", "short", None, "PAM_AUTHTOK_ERR", PASSWORD),
        ("use_first_pass", "short", None, "PAM_AUTHTOK_ERR", PASSWORD),
        ("", "of-the-first-1", Some(NEW), "PAM_SUCCESS", NEW),
    ] {
        let lenient = Bench::new()
            .top("ca_file = \"{dir}/first.pem\"")
            .section("[password]\nflow = \"change\"\n");
        lenient.double.world(|world| {
            let field = Field::new("password", "password", "Anything");
            world.add_flow(Flow::new("change").bind(Prompt::new([field])));
        });
        let bench = password_change::bench().arguments(arguments);
        let mut pam = passwd(&bench)
            .stack(BOTH)
            .file("first.toml", &lenient.configuration("linux-login"))
            .file("first.pem", lenient.double.ca_pem())
            .answer_secret(PASSWORD)
            .answer_secret(first)
            .answer_secret(first);
        if let Some(typed) = typed {
            pam = pam.answer_secret(typed).answer_secret(typed);
        }
        let outcome = pam.chauthtok().run();
        assert_eq!(outcome.code(), code, "{arguments} {first}: {outcome}");
        assert_eq!(password_of(&bench, "alice"), now, "{arguments} {first}");
    }
    let bench = password_change::bench().arguments("use_authtok");
    let outcome = passwd(&bench).answer_secret(PASSWORD).chauthtok().run();
    expect(
        &outcome,
        "PAM_AUTHTOK_ERR",
        "no earlier module of the stack left a new password",
    );
}

/// The second line finds the old password that the first asked for.
#[test]
fn the_stacks_old_password_is_used_and_left() {
    pam_harness::require_isolation!();
    let stack = "password required {module} {arguments}\npassword optional {module} {arguments}\n";
    let bench = password_change::bench();
    let outcome = passwd(&bench)
        .stack(stack)
        .answer_secret(PASSWORD)
        .answer_secret(NEW)
        .answer_secret(NEW)
        .chauthtok()
        .run();
    assert_eq!(outcome.code(), "PAM_SUCCESS", "{outcome}");
    let passwords = |r: &authentik_double::SeenRequest| {
        r.path.contains("linux-login") && String::from_utf8_lossy(&r.body).contains(PASSWORD)
    };
    let sent = bench
        .double
        .requests()
        .iter()
        .filter(|r| passwords(r))
        .count();
    assert_eq!(sent, 2, "not each line of the stack sent the password");
}

/// The lines in docs/configure.md for accounts and for passwd.
#[test]
fn the_other_stacks_that_are_shown_keep_a_way_in_and_the_denied_out() {
    pam_harness::require_isolation!();
    let stack = "\
account [success=1 default=ignore] pam_succeed_if.so quiet user in root:localadmin
account required {module} {arguments}
account required pam_permit.so
password [success=1 default=ignore] pam_succeed_if.so quiet user in root:localadmin
password [success=done ignore=ignore default=die] {module} {arguments}
password required pam_deny.so
";
    let account = "[account]\ntoken_file = \"{dir}/token\"\n";
    let password = "[password]\nflow = \"default-password-change\"\n";
    let bench = Bench::new()
        .access("groups = [\"linux-admins\"]")
        .section(account)
        .section(password);
    for (config, user, code) in [
        ("good", "alice", "PAM_SUCCESS"),
        ("good", "eve", "PAM_PERM_DENIED"),
        ("good", "dave", "PAM_ACCT_EXPIRED"),
        ("good", "localadmin", "PAM_SUCCESS"),
        ("good", "root", "PAM_SUCCESS"),
        ("good", "daemon", "PAM_SUCCESS"),
        ("broken", "localadmin", "PAM_SUCCESS"),
        ("broken", "root", "PAM_SUCCESS"),
        ("broken", "alice", "PAM_SERVICE_ERR"),
    ] {
        let pam = bench.pam("linux-login", user).stack(stack);
        let pam = pam.file("token", "view-user-token");
        let pam = match config {
            "broken" => pam.config("urll = 1\n"),
            _ => pam,
        };
        let outcome = pam.acct_mgmt().run();
        assert_eq!(outcome.code(), code, "{config} {user}: {outcome}");
    }
    let new = "battery-staple-9";
    for (user, answers, code) in [
        ("alice", &[PASSWORD, new, new] as &[&str], "PAM_SUCCESS"),
        ("eve", &[PASSWORD], "PAM_PERM_DENIED"),
        ("bob", &["wrong"], "PAM_AUTHTOK_RECOVERY_ERR"),
        // Left to the later modules, which is pam_unix where it matters.
        ("root", &[], "PAM_AUTHTOK_ERR"),
    ] {
        let pam = bench.pam("linux-login", user).stack(stack);
        let pam = answers
            .iter()
            .fold(pam, |pam, answer| pam.answer_secret(answer));
        let outcome = pam.chauthtok().run();
        assert_eq!(outcome.code(), code, "{user}: {outcome}");
    }
}
