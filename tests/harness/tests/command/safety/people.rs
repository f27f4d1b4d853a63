//! Local accounts: each can log in, and one can become root.

use std::fs;

use authentik_double::Double;
use pam_harness::accounts::Account;

use super::has_sshd;
use crate::bench::{Bench, README_STACK};
use crate::check::require_host;

fn host(sudoers: &str, change: impl Fn(&mut Vec<Account>)) -> Bench {
    Bench::on(Double::builder().without_pause(), false, sudoers, change)
}

/// sudo asks its own stack: somebody that its block does not name needs authentik there.
#[test]
fn sudo_counts_only_if_it_lets_the_account_in_while_authentik_is_down() {
    require_host!();
    let with_password = |accounts: &mut Vec<Account>| {
        let local = accounts.iter().find(|account| account.name == "localadmin");
        let password = local.unwrap().password.clone();
        let bob = accounts.iter_mut().find(|account| account.name == "bob");
        bob.unwrap().password = password;
    };
    let sudo = "@include common-auth\n@include common-account\n";
    let bench = host(
        "localadmin ALL=(ALL:ALL) ALL\nbob ALL=(ALL:ALL) ALL\n",
        with_password,
    );
    bench.stack("sudo", sudo);
    let run = bench.enable(&["sudo", "--local", "localadmin"]);
    assert_eq!(run.status, 0, "{}", run.text);
    let run = bench.enable(&["sshd", "--local", "bob"]);
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&[
        "none of root, bob can become root while authentik is down",
        "authentik-flow enable sudo --local bob",
        "nothing is changed",
    ]);
    // Another account still can, and bob is told.
    let both = ["sshd", "--local", "bob", "--local", "localadmin"];
    let run = bench.enable(&[&both[..], &["--dry-run"]].concat());
    assert_eq!(run.status, 0, "{}", run.text);
    run.has(&[
        "can become root then: localadmin, by sudo.",
        "sudo asks authentik about bob",
    ]);
    // The same change can give sudo the name.
    let run = bench.enable(&["sshd", "sudo", "--local", "bob"]);
    assert_eq!(run.status, 0, "{}", run.text);
    run.has(&["sshd: these can become root then: bob, by sudo"]);
    // A rule that asks for no password asks no stack.
    let bench = host(
        "localadmin ALL=(ALL:ALL) ALL\nbob ALL=(ALL:ALL) NOPASSWD: ALL\n",
        with_password,
    );
    bench.stack("sudo", sudo);
    assert_eq!(bench.enable(&["sudo", "--local", "localadmin"]).status, 0);
    let run = bench.enable(&["sshd", "--local", "bob"]);
    assert_eq!(run.status, 0, "{}", run.text);
    run.has(&["these can become root then: bob, by sudo"]);
}

/// A way in does not count if nobody who gets in can become root.
#[test]
fn refused_where_nobody_could_become_root() {
    require_host!();
    let bench = host("root ALL=(ALL:ALL) ALL\n", |_| {});
    let run = bench.enable(&["sshd", "--local", "localadmin"]);
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&["can become root", "usermod -aG sudo", "nothing is changed"]);
    let bench = host("localadmin ALL=(ALL:ALL) ALL\n", |_| {});
    let run = bench.enable(&["sshd", "--local", "localadmin"]);
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
        (
            "AuthenticationMethods publickey",
            Some("AuthenticationMethods"),
        ),
        ("AuthenticationMethods publickey,password", None),
        ("AuthenticationMethods publickey password", None),
    ] {
        let text = format!("HostKey {{dir}}/hostkey\nUsePAM yes\n{setting}\n");
        bench.write("sshd_config", &text, 0o644);
        let run = bench.enable(&[
            "sshd",
            "--dry-run",
            "--local",
            "localadmin",
            "--sshd-config",
            "{dir}/sshd_config",
        ]);
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
        // A drop-in that is not included.
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

/// The users that authentik authenticates after the change.
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
    let run = bench.enable(&["sshd", "--dry-run", "--local", "localadmin"]);
    assert_eq!(run.status, 0, "{}", run.text);
    run.has(&[
        "bob have a local password here, and authentik is asked about them from now on",
        "while authentik is down, root and localadmin get in with their local password",
    ]);
    let run = bench.enable(&[
        "sshd",
        "--dry-run",
        "--local",
        "localadmin",
        "--local",
        "bob",
    ]);
    assert!(!run.text.contains("from now on"), "{}", run.text);
}

/// Somebody who gets in by ssh while authentik is down, and then is not root: the names
/// of sudo are not those of sshd.
#[test]
fn an_account_of_sshd_that_sudo_leaves_out_is_named() {
    require_host!();
    let with_rules = |localadmin: &str| {
        let bench = host(
            &format!("localadmin ALL=(ALL:ALL) {localadmin}\nbob ALL=(ALL:ALL) ALL\n"),
            |accounts| {
                let local = accounts.iter().find(|account| account.name == "localadmin");
                let password = local.unwrap().password.clone();
                let bob = accounts.iter_mut().find(|account| account.name == "bob");
                bob.unwrap().password = password;
            },
        );
        bench.stack("sudo", "@include common-auth\n@include common-account\n");
        let both = ["sshd", "--local", "localadmin", "--local", "bob"];
        let run = bench.enable(&both);
        assert_eq!(run.status, 0, "{}", run.text);
        bench
    };
    const WHAT: &str = "while authentik is down, localadmin can log in by sshd with the local password, but cannot become root: sudo asks authentik about localadmin";
    const COMMAND: &str = "authentik-flow enable sudo --local bob --local localadmin";
    let bench = with_rules("ALL");
    for more in [&["--dry-run"][..], &[]] {
        let run = bench.enable(&[&["sudo", "--local", "bob"], more].concat());
        assert_eq!(run.status, 0, "{}", run.text);
        run.has(&[&format!("sudo: {WHAT}"), COMMAND]);
    }
    bench
        .run(&["check", "--service", "sudo"])
        .has(&[&format!("! PAM stacks      sudo: {WHAT}"), COMMAND]);
    bench
        .run(&["status"])
        .has(&[&format!("! sudo            {WHAT}"), COMMAND]);
    // The command that is said puts it right.
    let words: Vec<&str> = COMMAND.split(' ').skip(2).collect();
    let run = bench.enable(&words);
    assert_eq!(run.status, 0, "{}", run.text);
    for run in [
        run,
        bench.run(&["check", "--service", "sudo"]),
        bench.run(&["status"]),
    ] {
        assert!(!run.text.contains("cannot become root"), "{}", run.text);
    }
    // Nobody could become root by sudo before, or sudo asks for no password.
    for rule in ["/usr/bin/id", "NOPASSWD: ALL"] {
        let run = with_rules(rule).enable(&["sudo", "--local", "bob"]);
        assert_eq!(run.status, 0, "{}", run.text);
        assert!(!run.text.contains("cannot become root"), "{}", run.text);
    }
}
