//! `explain`: why somebody can or cannot log in.

use crate::bench::{Bench, README_STACK, Run};
use crate::check::{FLOW, GROUPS, TOKEN, require_host, with_token};
use crate::extent::{at_a_terminal, fits, on_screen, sshd};
use crate::safety::has_sshd;

fn explain(bench: &Bench, name: &str, more: &[&str]) -> Run {
    let mut arguments = vec!["explain", name, "--config", "{config}"];
    arguments.extend(more);
    bench.run(&arguments)
}

#[test]
fn groups_and_who_may_log_in_are_named() {
    require_host!();
    let bench = with_token(FLOW, GROUPS);
    bench.stack("sshd", &sshd());
    // A member of the group.
    let run = explain(&bench, "alice", &[]);
    run.has(&[
        "alice, by the service sshd",
        "✓ account         uid 2001, shell /bin/sh (from /etc/passwd)",
        "it has no local password that can be used",
        "✓ module          it asks authentik under the same name, with the flow linux-login",
        "with a key, /DIR/pam.d/sshd:6 looks them up in authentik ([account])",
        "they reach the module in /DIR/pam.d/sshd:2: if authentik accepts them, they get in",
        "if authentik refuses them or is down, the local password does not let them in",
        "alice is active, of the type internal, in the groups linux-admins",
        "[access] lets them in",
        "Nothing here keeps alice out of sshd.",
        "authentik-flow login --user alice --service sshd",
    ]);
    assert_eq!(run.status, 0, "{}", run.text);
    // Nobody is logged in, and no secret is sent.
    assert!(
        bench
            .double
            .requests()
            .iter()
            .all(|request| request.method == "GET")
    );

    bench.config(FLOW, "groups = [\"other-group\"]", TOKEN);
    let run = explain(&bench, "alice", &[]);
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&[
            "✗ authentik       alice is active",
            "the user is in none of the groups of [access] groups (other-group); the user's are linux-admins",
            "→ in authentik, add alice to one of other-group; or correct [access] groups",
            "alice does not get in by sshd, because of: authentik. First: in authentik, add alice",
        ],
    );
    // Without a token the group is unknown, and that is said.
    bench.config(FLOW, GROUPS, "");
    let run = explain(&bench, "alice", &[]);
    run.has(&[
        "? authentik       groups are not known: no token for sshd",
        "with a key, they get in without authentik",
    ]);
    let before = bench.double.requests().len();
    bench.config(FLOW, GROUPS, TOKEN);
    explain(&bench, "alice", &["--offline"]).has(&["not asked, with --offline"]);
    assert_eq!(bench.double.requests().len(), before);
}

#[test]
fn the_account_and_the_lines_are_looked_at() {
    require_host!();
    let bench = Bench::new();
    bench.stack("sshd", README_STACK);
    let run = explain(&bench, "localadmin", &[]);
    run.has(&[
            "uid 900",
            "it has a local password",
            "it ignores localadmin: the uid is below [user] min_uid",
            "/DIR/pam.d/sshd:1 pam_succeed_if.so makes them skip the module: the local password decides, whatever state authentik is in",
        ],
    );
    assert_eq!(run.status, 0, "{}", run.text);
    let run = explain(&bench, "alcie", &[]);
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&[
        "this host has no such account",
        "authentik-flow explain alice",
    ]);
    let run = explain(&bench, "../alice", &[]);
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&["no account can have this name"]);
    // A service whose stack does not use the module.
    bench.stack("sudo", "@include common-auth\n@include common-account\n");
    let run = explain(&bench, "alice", &["--service", "sudo"]);
    run.has(&["authentik is not asked; the local password decides"]);
    let run = explain(&bench, "alice", &["--service", "sduo"]);
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&[
        "✗ PAM stacks",
        "there is no service sduo",
        "authentik-flow explain alice --service sudo",
    ]);
    // A line with an unknown result.
    bench.stack(
        "su",
        "auth [success=1 default=ignore] pam_exec.so /bin/true\nauth [success=done default=die] {module} config={config}\n@include common-auth\n@include common-account\n",
    );
    let run = explain(&bench, "alice", &["--service", "su"]);
    run.has(&[
        "? PAM stacks",
        "it depends on /DIR/pam.d/su:1 pam_exec.so /bin/true",
    ]);
}

#[test]
fn explain_reports_an_account_that_is_kept_out() {
    require_host!();
    let bench = Bench::new();
    bench.stack("sshd", README_STACK);
    let run = explain(&bench, "daemon", &[]);
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&[
        "it cannot log in: its shell is /usr/sbin/nologin",
        "→ usermod -s /bin/bash daemon",
        "daemon does not get in by sshd, because of: account. First: usermod -s /bin/bash daemon",
    ]);
}

#[test]
fn rules_of_sshd_are_asked() {
    require_host!();
    let bench = Bench::new();
    bench.stack("sshd", README_STACK);
    if !has_sshd(&bench) {
        return;
    }
    let with = |settings: &str| {
        let base = "UsePAM yes\nKbdInteractiveAuthentication yes\nPasswordAuthentication no";
        bench.write(
            "sshd_config",
            &format!("HostKey {{dir}}/hostkey\n{base}\n{settings}\n"),
            0o644,
        );
        explain(&bench, "alice", &["--sshd-config", "{dir}/sshd_config"])
    };
    let run = with("");
    run.has(&[
        "✓ sshd            its own rules let alice in (sshd -T -C user=alice, from this host)",
        "it accepts a key, or questions, a code among them; AuthenticationMethods any",
    ]);
    for (settings, part) in [
        ("DenyUsers alice", "DenyUsers names them"),
        ("AllowUsers bob", "AllowUsers does not name them"),
        ("AllowGroups wheel", "AllowGroups names no group of theirs"),
    ] {
        let run = with(settings);
        assert_eq!(run.status, 1, "{}", run.text);
        run.has(&["✗ sshd", part, "change that in sshd_config"]);
    }
}

#[test]
fn the_count_of_faillock_is_asked() {
    require_host!();
    if !std::path::Path::new("/usr/sbin/faillock").exists() {
        return;
    }
    let bench = Bench::new();
    std::fs::create_dir(bench.path("tally")).unwrap();
    let line = "auth requisite pam_faillock.so preauth dir={dir}/tally deny=1\n";
    bench.stack("sshd", &format!("{line}{README_STACK}"));
    let run = explain(&bench, "alice", &[]);
    run.has(&[
        "✓ faillock        0 failures of 1 (faillock --user alice, asked by /DIR/pam.d/sshd:1)",
    ]);
    // One record, as pam_faillock writes it: a source, flags, and the time.
    let mut record = vec![0_u8; 64];
    record[..9].copy_from_slice(b"192.0.2.7");
    record[54] = 3;
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    record[56..].copy_from_slice(&now.as_secs().to_ne_bytes());
    std::fs::write(bench.path("tally/alice"), record).unwrap();
    let run = explain(&bench, "alice", &[]);
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&[
        "✗ faillock        1 failures of 1",
        "→ faillock --user alice --reset",
    ]);
}

#[test]
fn the_log_of_today_is_read() {
    require_host!();
    let bench = Bench::new();
    bench.stack("sshd", README_STACK);
    let said = std::process::Command::new("date").arg("+%Y-%m-%d").output();
    let day = String::from_utf8(said.unwrap().stdout).unwrap();
    let log = format!(
        "{}T21:09:13.1+00:00 host sshd[12]: pam_authentik_flow(sshd:auth): PAM_PERM_DENIED: user=alice ms=7 cause=inactive reason=\"the account is not active\"\n",
        day.trim()
    );
    let run = bench.run_with_log(&log, &["explain", "alice", "--config", "{config}"]);
    run.has(&[
        "log             21:09 sshd alice PAM_PERM_DENIED inactive: the account is not active",
    ]);
    let run = bench.run_with_log(&log, &["explain", "bob", "--config", "{config}"]);
    run.has(&["no login of bob today (from /var/log/auth.log, which any local user can write to)"]);
}

#[test]
fn it_fits_into_the_terminal() {
    require_host!();
    let bench = with_token(FLOW, GROUPS);
    bench.stack("sshd", &sshd());
    for columns in [40_u16, 80] {
        let text = at_a_terminal(
            &bench,
            columns,
            &["explain", "alice", "--config", "{config}"],
        );
        fits(&on_screen(&text), usize::from(columns));
    }
}
