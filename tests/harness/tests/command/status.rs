//! `status`: the state of a host on one screen.

use crate::bench::{Bench, README_STACK};
use crate::check::{FLOW, GROUPS, require_host, with_token};
use crate::extent::{at_a_terminal, fits, on_screen};
use crate::safety::has_sshd;

/// The day as the log writes it.
fn today() -> String {
    let said = std::process::Command::new("date").arg("+%Y-%m-%d").output();
    String::from_utf8(said.unwrap().stdout)
        .unwrap()
        .trim()
        .into()
}

#[test]
fn each_service_says_how_it_comes_to_authentik() {
    require_host!();
    let bench = with_token(FLOW, GROUPS);
    let run = bench.run(&["status"]);
    assert_eq!(run.status, 0, "{}", run.text);
    run.has(&[
        "none asks authentik",
        "authentik-flow enable sshd --dry-run",
    ]);

    let bench = Bench::new();
    let enabled = bench.enable(&["sshd", "--local", "localadmin"]);
    assert_eq!(enabled.status, 0, "{}", enabled.text);
    bench.stack("sudo", README_STACK);
    bench.stack("sudo-i", "@include sudo\n");
    let run = bench.run(&["status"]);
    assert_eq!(run.status, 0, "{}", run.text);
    run.has(&[
            "✓ configuration   /DIR/config.toml: https://localhost:PORT, flow linux-login",
            "✓ sshd            by the block of enable: /DIR/pam.d/sshd:1-5; while authentik is down: localadmin, root, with the local password",
            "✓ sudo            by lines written by hand: /DIR/pam.d/sudo:2",
            "✓ sudo-i          by an include: /DIR/pam.d/sudo:2",
            "? today           not readable: there is no journal",
        ],
    );
}

/// The result comes from playing the stack, not from guessing by its lines.
#[test]
fn the_way_in_is_played_through() {
    require_host!();
    let status = |auth: &str| {
        let bench = Bench::new();
        bench.stack("sshd", &format!("{auth}\n@include common-account\n"));
        bench.run(&["status"])
    };
    const OURS: &str = "{module} config={config}";
    let run = status(&format!(
        "auth [success=done authinfo_unavail=ignore default=die] {OURS}\n@include common-auth"
    ));
    run.has(&["! sshd", "everybody with a local password gets in with it"]);
    let run = status(&format!("auth required {OURS}\nauth required pam_deny.so"));
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&[
        "✗ sshd",
        "nobody gets in",
        "authentik-flow check --service sshd",
    ]);
    let run = status(&format!(
        "auth [success=1 default=ignore] pam_exec.so /bin/true\nauth [success=done default=die] {OURS}\n@include common-auth"
    ));
    run.has(&["? sshd", "unknown: it depends on", "pam_exec.so"]);
    let run = status("auth required {dir}/gone/pam_authentik_flow.so\n@include common-auth");
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&["the module is not there", "authentik-flow disable --all"]);

    let bench = Bench::new();
    bench.stack("sshd", README_STACK);
    bench.config("flwo = \"x\"", GROUPS, "");
    let run = bench.run(&["status"]);
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&[
        "✗ configuration",
        "authentik-flow check says what to do",
        "refuses everybody",
    ]);
}

#[test]
fn logins_of_today_are_counted_from_the_log() {
    require_host!();
    let bench = Bench::new();
    bench.stack("sshd", README_STACK);
    let day = today();
    let line = |tag: &str, text: &str| format!("{day}T21:09:13.1+00:00 host {tag}[12]: {text}\n");
    let success = "pam_authentik_flow(sshd:auth): PAM_SUCCESS: user=alice flow=linux-login ms=700";
    let refused = "pam_authentik_flow(sudo:auth): PAM_PERM_DENIED: user=eve ms=700 cause=not-in-group reason=\"in none\"";
    let log = [
        line("sshd", success),
        line("sshd", success),
        line("sudo", refused),
        line(
            "sshd",
            "pam_authentik_flow(sshd:account): PAM_SUCCESS: user=bob ms=70",
        ),
        // Lines of another day, of another program, and of a name that somebody typed.
        format!("2020-01-01T21:09:13.1+00:00 host sshd[12]: {success}\n"),
        line("logger", success),
        line("sshd", &format!("Invalid user x]: {success}")),
    ];
    let run = bench.run_with_log(&log.concat(), &["status"]);
    run.has(&[
            "✓ today           2 logins proved (PAM_SUCCESS); 1 PAM_PERM_DENIED (from /var/log/auth.log, which any local user can write to)",
            "→ 21:09 sudo eve PAM_PERM_DENIED not-in-group",
        ],
    );
    let run = bench.run_with_log("", &["status"]);
    run.has(&["no login through authentik (from /var/log/auth.log"]);
}

/// Entries that any user can write into the journal are not counted.
#[test]
fn the_journal_is_read_and_lines_of_other_users_are_not() {
    require_host!();
    if !std::path::Path::new("/lib/systemd/systemd-journald").exists() {
        return;
    }
    let bench = Bench::new();
    bench.stack("sshd", README_STACK);
    let line = "pam_authentik_flow(sshd:auth): PAM_MAXTRIES: user=alice ms=700 cause=answers";
    let run = bench.run_with_journal(line, &["status"]);
    run.has(&[
            "✓ today           0 logins proved (PAM_SUCCESS); 1 PAM_MAXTRIES (from the journal, lines of root's processes)",
            "sshd alice PAM_MAXTRIES answers",
        ],
    );
    assert!(!run.text.contains("forged"), "{}", run.text);
}

#[test]
fn settings_of_sshd_are_shown() {
    require_host!();
    let bench = Bench::new();
    bench.stack("sshd", README_STACK);
    if !has_sshd(&bench) {
        return;
    }
    let status = |settings: &str| {
        bench.write(
            "sshd_config",
            &format!("HostKey {{dir}}/hostkey\n{settings}"),
            0o644,
        );
        bench.run(&["status", "--sshd-config", "{dir}/sshd_config"])
    };
    let run = status("UsePAM yes\nKbdInteractiveAuthentication yes\nPasswordAuthentication no\n");
    run.has(&[
        "✓ sshd settings   UsePAM yes, KbdInteractiveAuthentication yes, PasswordAuthentication no",
    ]);
    // Root is no way in if sshd does not accept root's password.
    run.has(&["localadmin, root (kept out: PermitRootLogin is without-password)"]);
    let run = status("UsePAM yes\nKbdInteractiveAuthentication no\n");
    run.has(&["! sshd settings", "authentik-flow check says what to write"]);
}

#[test]
fn it_fits_on_one_screen() {
    require_host!();
    let bench = Bench::new();
    bench.stack("sudo", README_STACK);
    bench.enable(&["sshd", "--local", "localadmin"]);
    for columns in [40_u16, 80] {
        let lines = on_screen(&at_a_terminal(&bench, columns, &["status"]));
        fits(&lines, usize::from(columns));
        assert!(lines.len() <= 24 || columns == 40, "{lines:#?}");
    }
    let output = bench
        .command(&["status"])
        .env("LANG", "C")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("+ sshd") && text.is_ascii(), "{text}");
}
