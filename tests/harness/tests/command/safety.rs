//! Nobody is locked out, and nothing becomes laxer: what `enable`, `disable` and
//! `check` refuse or say, case by case.

use std::fs;
use std::process::Command;

use authentik_double::Double;
use pam_harness::accounts::{Account, LOCAL_ADMIN_PASSWORD};
use pam_harness::{Module, Pam};

use crate::bench::{Bench, COMMON_AUTH, README_STACK, Run};
use crate::check::require_host;

const OURS: &str = "{module} config={config}";
const GUARD: &str =
    "auth [success=1 default=ignore] pam_succeed_if.so quiet user in root:localadmin\n";

fn enable(bench: &Bench, more: &[&str]) -> Run {
    let mut arguments = vec!["enable", "--config", "{config}"];
    arguments.extend(more);
    bench.run(&arguments)
}

/// A host where `auth` is sshd's stack.
fn with_auth(auth: &str) -> Bench {
    let bench = Bench::new();
    let auth = auth.replace("OURS", OURS);
    bench.stack("sshd", &format!("{auth}@include common-account\n"));
    bench
}

/// A requirement after the password line still holds, in the real libpam, too.
#[test]
fn a_requirement_behind_the_password_is_still_asked() {
    require_host!();
    let bench = Bench::new();
    bench.write("denied", "alice\n", 0o644);
    let list = "auth required pam_listfile.so item=user sense=deny onerr=fail file={dir}/denied\n";
    bench.stack(
        "sshd",
        &format!("@include common-auth\n{list}@include common-account\n"),
    );
    let run = enable(&bench, &["sshd", "--local", "localadmin"]);
    assert_eq!(run.status, 0, "{}", run.text);
    let run = bench.check(&[]);
    run.has(&["✓ PAM stacks"]);

    let dir = bench.path("").display().to_string();
    let text = bench.read("pam.d/sshd");
    let text = text
        .replace("@include common-auth\n", COMMON_AUTH)
        .replace("@include common-account\n", "")
        .replace("pam_authentik_flow.so", "{module}");
    let config = bench.read("config.toml");
    let stack = text.replace(
        &format!("config={}", bench.path("config.toml").display()),
        "config={config}",
    );
    let login = |user: &str, config: &str| {
        Pam::new(&Module::built())
            .service("sshd")
            .user(user)
            .stack(&stack)
            .config(config)
            .file("denied", "alice\nlocaldenied\n")
    };
    let _ = dir;
    // authentik lets both in; the list keeps alice out.
    for (user, code) in [("alice", "PAM_AUTH_ERR"), ("bob", "PAM_SUCCESS")] {
        let groups = config.replace("linux-admins", "linux-users");
        let outcome = login(
            user,
            &groups.replace("groups = [\"linux-users\"]", "allow_any_user = true"),
        )
        .answer_secret_to("Password", crate::bench::PASSWORD)
        .authenticate()
        .run();
        assert_eq!(outcome.code(), code, "{user}: {outcome}");
    }
    let local = login("localadmin", "flwo = \"x\"\n")
        .answer_secret_to("Password", LOCAL_ADMIN_PASSWORD)
        .authenticate()
        .run();
    assert_eq!(local.code(), "PAM_SUCCESS", "{local}");
}

/// The same for every other requirement after the password line, known or not.
#[test]
fn enable_skips_no_requirement() {
    require_host!();
    for line in [
        "auth required pam_exec.so /bin/true",
        "auth required pam_duo.so",
        "auth required pam_google_authenticator.so",
        "auth requisite pam_nologin.so",
        "auth required pam_access.so",
    ] {
        let bench = Bench::new();
        bench.stack(
            "sshd",
            &format!("@include common-auth\n{line}\n@include common-account\n"),
        );
        let run = enable(&bench, &["sshd"]);
        assert_eq!(run.status, 0, "{line}: {}", run.text);
        run.has(&["[success=2 default=die ignore=ignore]"]);
        let run = bench.check(&[]);
        assert!(
            !run.text.contains("stands behind") && !run.text.contains("skips this line"),
            "{line}: {}",
            run.text
        );
    }
    // One that stands between the password and the line that refuses cannot be kept.
    let bench = Bench::new();
    bench.stack(
        "sshd",
        "auth [success=2 default=ignore] pam_unix.so\nauth required pam_listfile.so item=user sense=deny file=/x\nauth requisite pam_deny.so\nauth required pam_permit.so\n",
    );
    let run = enable(&bench, &["sshd"]);
    assert_eq!(
        run.status, 0,
        "its success skips that line now, too: {}",
        run.text
    );
    let bench = Bench::new();
    bench.stack(
        "sshd",
        "auth sufficient pam_unix.so\nauth required pam_listfile.so item=user sense=deny file=/x\nauth sufficient pam_sss.so\nauth required pam_deny.so\n",
    );
    let before = bench.read("pam.d/sshd");
    let run = enable(&bench, &["sshd", "--dry-run"]);
    assert!(
        run.status == 0 || run.text.contains("/DIR/pam.d/sshd:2"),
        "{}",
        run.text
    );
    assert_eq!(bench.read("pam.d/sshd"), before);
}

/// A requirement in front of the password in the same include is asked by the block.
#[test]
fn a_requirement_in_front_of_an_included_password_is_repeated() {
    require_host!();
    let bench = Bench::new();
    bench.stack(
        "system-auth",
        "auth required pam_listfile.so item=user sense=deny file=/etc/denied\nauth [success=1 default=bad] pam_unix.so\nauth [default=die] pam_faillock.so authfail\nauth optional pam_permit.so\n",
    );
    bench.stack(
        "arch",
        "auth include system-auth\naccount required pam_permit.so\n",
    );
    let run = enable(&bench, &["arch"]);
    assert_eq!(run.status, 0, "{}", run.text);
    run.has(&[
            "+auth  required                                    pam_listfile.so item=user sense=deny file=/etc/denied",
            "the new lines ask it first",
        ],
    );
    let run = bench.check(&[]);
    run.has(&["arch: a refusal refuses"]);
    assert_eq!(bench.run(&["disable", "arch"]).status, 0);
    assert_eq!(
        bench.read("pam.d/arch"),
        "auth include system-auth\naccount required pam_permit.so\n"
    );
}

/// Account lines in which a denial of authentik has no effect.
#[test]
fn a_denial_that_counts_for_nothing_is_said() {
    require_host!();
    for lines in [
        "account sufficient OURS\n",
        "account optional OURS\n",
        "account [success=ok default=ignore] OURS\n",
        "account sufficient pam_localuser.so\naccount required OURS\n",
        "account [default=1] pam_permit.so\naccount required OURS\n",
    ] {
        let bench = with_auth(&format!(
            "{GUARD}auth [success=done default=die ignore=ignore] OURS\n@include common-auth\n{lines}"
        ));
        let run = bench.check(&[]);
        assert_eq!(run.status, 1, "{lines}: {}", run.text);
        run.has(&["authentik's denial counts for nothing"]);
    }
    let bench = with_auth(&format!(
        "{GUARD}auth [success=done default=die ignore=ignore] OURS\n@include common-auth\n{}account required OURS\n",
        GUARD.replace("auth ", "account ")
    ));
    bench.check(&[]).has(&["✓ PAM stacks"]);
    // A token, and no account line that uses it.
    bench.token("view-user-group-token\n");
    bench.config(
        "flow = \"linux-login\"",
        "groups = [\"linux-admins\"]",
        "[account]\ntoken_file = \"{dir}/account.token\"\nservices = [\"sshd\"]",
    );
    bench.stack("sshd", README_STACK);
    let run = bench.check(&[]);
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&["no account line of its stack names the module"]);
}

/// A line after an unknown result never gets a ✓.
#[test]
fn what_cannot_be_told_is_said_to_be() {
    require_host!();
    for line in [
        "pam_succeed_if.so quiet shell = /bin/bash",
        "pam_succeed_if.so quiet gid >= 100",
        "pam_exec.so /bin/true",
        "pam_of_somebody.so",
    ] {
        let bench = with_auth(&format!(
            "auth [success=1 default=ignore] {line}\nauth [success=done default=die ignore=ignore] OURS\n@include common-auth\n"
        ));
        let run = bench.check(&[]);
        run.has(&["cannot be told from here", "/DIR/pam.d/sshd:1", line]);
        assert!(!run.text.contains("✓ PAM stacks"), "{line}: {}", run.text);
    }
    // A list that allows lets in the users that it names.
    let bench = with_auth(
        "auth [success=1 default=ignore] pam_listfile.so item=user sense=allow file=/x\nauth [success=done default=die ignore=ignore] OURS\n@include common-auth\n",
    );
    let run = bench.check(&[]);
    assert!(!run.text.contains("✓ PAM stacks"), "{}", run.text);
}

/// Guard lines that are left without the module.
#[test]
fn guards_without_the_module_are_found() {
    require_host!();
    let bench = Bench::new();
    assert_eq!(enable(&bench, &["sshd"]).status, 0);
    let text = bench.read("pam.d/sshd");
    let left: String = text
        .lines()
        .filter(|line| !line.contains("authentik"))
        .map(|line| format!("{line}\n"))
        .collect();
    bench.stack("sshd", &left);
    let run = bench.check(&[]);
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&[
        "/DIR/pam.d/sshd:1, /DIR/pam.d/sshd:2: these lines belong to the module, which is gone",
        "take these lines out",
    ]);
    assert!(!run.text.contains("none names the module"), "{}", run.text);
}

/// Whether sshd can be asked, with a host key of its own.
pub(crate) fn has_sshd(bench: &Bench) -> bool {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(bench.path("hostkey"))
        .status();
    // sshd wants it, and it is gone after each start of the machine.
    let _ = fs::create_dir_all("/run/sshd");
    let is_there = std::path::Path::new("/usr/sbin/sshd").exists();
    is_there && made.is_ok_and(|status| status.success())
}

fn host(sudoers: &str, change: impl Fn(&mut Vec<Account>)) -> Bench {
    Bench::on(Double::builder().without_pause(), false, sudoers, change)
}

/// A way in does not count if nobody who gets in can become root.
#[test]
fn refused_where_nobody_could_become_root() {
    require_host!();
    let bench = host("root ALL=(ALL:ALL) ALL\n", |_| {});
    let run = enable(&bench, &["sshd", "--local", "localadmin"]);
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&["can become root", "usermod -aG sudo", "nothing is changed"]);
    let bench = host("localadmin ALL=(ALL:ALL) ALL\n", |_| {});
    let run = enable(&bench, &["sshd", "--local", "localadmin"]);
    assert_eq!(run.status, 0, "{}", run.text);
    run.has(&["these can become root then: localadmin, by sudo."]);
}

/// An account that cannot log in, and one that sshd does not let in.
#[test]
fn refused_where_a_local_account_is_kept_out() {
    require_host!();
    let hash = |accounts: &[Account]| {
        let local = accounts.iter().find(|a| a.name == "localadmin");
        local.unwrap().password.clone()
    };
    // daemon's uid gives it no shell only while it has no password.
    let bench = host("ALL ALL=(ALL:ALL) ALL\n", |accounts| {
        let password = hash(accounts);
        accounts.push(Account {
            password,
            ..Account::new("nobody", 65534)
        });
    });
    if !has_sshd(&bench) {
        return;
    }
    for (setting, why) in [
        ("DenyUsers localadmin", Some("DenyUsers")),
        ("AllowUsers alice", Some("AllowUsers")),
        (
            "PasswordAuthentication no\nKbdInteractiveAuthentication no",
            Some("PasswordAuthentication"),
        ),
        (
            "Match User localadmin\n  PasswordAuthentication no\n  KbdInteractiveAuthentication no",
            Some("PasswordAuthentication"),
        ),
        ("KbdInteractiveAuthentication yes", None),
    ] {
        let text = format!("HostKey {{dir}}/hostkey\nUsePAM yes\n{setting}\n");
        bench.write("sshd_config", &text, 0o644);
        let run = enable(
            &bench,
            &[
                "sshd",
                "--dry-run",
                "--local",
                "localadmin",
                "--sshd-config",
                "{dir}/sshd_config",
            ],
        );
        match why {
            Some(why) => {
                assert_eq!(run.status, 1, "{setting}: {}", run.text);
                run.has(&["sshd does not let localadmin in by a password", why]);
            }
            None => assert_eq!(run.status, 0, "{setting}: {}", run.text),
        }
    }
}

/// The settings of sshd.
#[test]
fn settings_of_sshd_are_looked_at() {
    require_host!();
    let bench = Bench::new();
    bench.stack("sshd", README_STACK);
    if !has_sshd(&bench) {
        return;
    }
    fs::create_dir(bench.path("drop")).unwrap();
    for (settings, part) in [
        (
            "UsePAM yes\nKbdInteractiveAuthentication no\n",
            "KbdInteractiveAuthentication yes",
        ),
        (
            "UsePAM no\nKbdInteractiveAuthentication yes\n",
            "writes UsePAM yes",
        ),
        (
            "UsePAM yes\nKbdInteractiveAuthentication yes\nPasswordAuthentication no\nLoginGraceTime 60\n",
            "LoginGraceTime 120",
        ),
        // A drop-in that nothing includes.
        (
            "UsePAM yes\n#Include drop/*.conf\nKbdInteractiveAuthentication no\n",
            "KbdInteractiveAuthentication yes",
        ),
    ] {
        bench.write("drop/a.conf", "KbdInteractiveAuthentication yes\n", 0o644);
        bench.write(
            "sshd_config",
            &format!("HostKey {{dir}}/hostkey\n{settings}"),
            0o644,
        );
        let run = bench.run(&[
            "check",
            "--config",
            "{config}",
            "--sshd-config",
            "{dir}/sshd_config",
        ]);
        assert!(!run.text.contains("✓ PAM stacks"), "{}", run.text);
        run.has(&[part]);
    }
    bench.write(
        "sshd_config",
        "HostKey {dir}/hostkey\nUsePAM yes\nKbdInteractiveAuthentication yes\nPasswordAuthentication no\n",
        0o644,
    );
    let run = bench.run(&[
        "check",
        "--config",
        "{config}",
        "--sshd-config",
        "{dir}/sshd_config",
    ]);
    run.has(&["✓ PAM stacks"]);
}

/// Who is asked by authentik after the change.
#[test]
fn accounts_with_a_local_password_are_named() {
    require_host!();
    let bench = Bench::on(
        Double::builder().without_pause(),
        true,
        "localadmin ALL=(ALL:ALL) ALL\n",
        |accounts| {
            let password = accounts
                .iter()
                .find(|a| a.name == "localadmin")
                .unwrap()
                .password
                .clone();
            for account in accounts.iter_mut().filter(|a| a.name == "bob") {
                account.password = password.clone();
            }
        },
    );
    let run = enable(&bench, &["sshd", "--dry-run", "--local", "localadmin"]);
    assert_eq!(run.status, 0, "{}", run.text);
    run.has(&[
        "bob have a local password here, and authentik is asked about them from now on",
        "while authentik is down, root and localadmin get in with their local password",
    ]);
    let run = enable(
        &bench,
        &[
            "sshd",
            "--dry-run",
            "--local",
            "localadmin",
            "--local",
            "bob",
        ],
    );
    assert!(!run.text.contains("from now on"), "{}", run.text);
}

/// The group in the profile is understood, and a missing way in is reported.
#[test]
fn the_profile_is_understood() {
    require_host!();
    let profile = "auth [success=3 default=ignore] pam_succeed_if.so quiet uid eq 0\n\
        auth [success=2 default=ignore] pam_succeed_if.so quiet user ingroup localadmin\n\
        auth [success=1 default=ignore] pam_localuser.so file=/dev/null\n\
        auth [success=3 ignore=ignore authinfo_unavail=ignore default=die] {module} config={config}\n";
    let with = |bench: &Bench, profile: &str| {
        let auth =
            format!("{profile}{COMMON_AUTH}").replace("success=3 ignore", "success=2 ignore");
        bench.stack("common-auth", &auth);
    };
    // localadmin is the only member of its own group.
    let bench = Bench::with_locked_root();
    with(&bench, profile);
    let run = bench.check(&[]);
    assert!(!run.text.contains("locks out"), "{}", run.text);
    let bench = Bench::with_locked_root();
    with(
        &bench,
        &profile.replace("ingroup localadmin", "ingroup no-such-group"),
    );
    let run = bench.check(&[]);
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&["no local way in is left"]);
}

/// Files that other files include, and services that are not logins.
#[test]
fn some_services_are_refused() {
    require_host!();
    let bench = Bench::new();
    for service in ["other", "chsh", "cron", "polkit-1"] {
        bench.stack(service, "@include common-auth\n@include common-account\n");
    }
    for (service, part) in [
        ("common-auth", "is included by other services"),
        ("common-account", "is included by other services"),
        ("other", "does not belong into other"),
        ("chsh", "does not belong into chsh"),
        ("cron", "every job"),
        ("polkit-1", "no network"),
        ("ssh", "authentik-flow enable sshd"),
    ] {
        let run = enable(&bench, &[service]);
        assert_eq!(run.status, 1, "{service}: {}", run.text);
        run.has(&[part, "nothing is changed"]);
    }
}

/// Sections and services that do not exist.
#[test]
fn misspelt_services_are_noticed() {
    require_host!();
    let bench = Bench::new();
    bench.stack("sshd", README_STACK);
    bench.stack("sudo", README_STACK);
    bench.config(
        "flow = \"linux-login\"",
        "groups = [\"linux-admins\"]",
        "[services.sduo]\nflow = \"linux-login\"",
    );
    let run = bench.check(&[]);
    run.has(&[
        "[services.sduo]",
        "is for no service of this host",
        "correct it to sudo",
    ]);
    let run = bench.run(&["check", "--config", "{config}", "--service", "sshdd"]);
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&["sshdd: there is no stack of that name", "--service sshd"]);
}

/// Another tool has rewritten the file.
#[test]
fn a_block_that_is_gone_is_missed() {
    require_host!();
    let bench = Bench::new();
    let before = bench.read("pam.d/sshd");
    assert_eq!(enable(&bench, &["sshd"]).status, 0);
    bench.stack("sshd", &before);
    let run = bench.check(&[]);
    run.has(&[
        "its lines are not there any more",
        "authentik-flow enable sshd puts them in again",
    ]);
    let run = bench.run(&["disable", "sshd"]);
    assert_eq!(run.status, 0, "{}", run.text);
    run.has(&["are not in it any more"]);
    assert!(!bench.check(&[]).text.contains("not there any more"));
}

/// With other accounts the block changes, and nothing else does.
#[test]
fn another_local_account_changes_the_block() {
    require_host!();
    let bench = Bench::new();
    let before = bench.read("pam.d/sshd");
    assert_eq!(enable(&bench, &["sshd"]).status, 0);
    let run = enable(&bench, &["sshd", "--local", "localadmin"]);
    assert_eq!(run.status, 0, "{}", run.text);
    run.has(&[
            "-auth  [success=2 default=ignore]                  pam_succeed_if.so quiet user in root",
            "+auth  [success=2 default=ignore]                  pam_succeed_if.so quiet user in root:localadmin",
        ],
    );
    // Without --local they stay.
    let run = enable(&bench, &["sshd"]);
    run.has(&["nothing to do"]);
    assert!(bench.read("pam.d/sshd").contains("user in root:localadmin"));
    assert_eq!(bench.run(&["disable", "sshd"]).status, 0);
    assert_eq!(bench.read("pam.d/sshd"), before);
}
