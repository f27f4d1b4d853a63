//! Services and blocks: where the module does not belong, and lines that are left or missing.

use crate::bench::{Bench, COMMON_AUTH, README_STACK};
use crate::check::require_host;

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
        ("common-auth", "other services include common-auth"),
        ("common-account", "other services include common-account"),
        ("other", "does not belong in other"),
        ("chsh", "does not belong in chsh"),
        ("cron", "every job"),
        ("polkit-1", "no network"),
        ("ssh", "authentik-flow enable sshd"),
    ] {
        let run = bench.enable(&[service]);
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
        "names no service of this host",
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
    assert_eq!(bench.enable(&["sshd"]).status, 0);
    bench.stack("sshd", &before);
    let run = bench.check(&[]);
    run.has(&[
        "its lines are gone",
        "to put them back: authentik-flow enable sshd",
    ]);
    let run = bench.run(&["disable", "sshd"]);
    assert_eq!(run.status, 0, "{}", run.text);
    run.has(&["the lines of enable are gone"]);
    assert!(!bench.check(&[]).text.contains("its lines are gone"));
}

/// With other accounts the block changes, and nothing else does.
#[test]
fn another_local_account_changes_the_block() {
    require_host!();
    let bench = Bench::new();
    let before = bench.read("pam.d/sshd");
    assert_eq!(bench.enable(&["sshd"]).status, 0);
    let run = bench.enable(&["sshd", "--local", "localadmin"]);
    assert_eq!(run.status, 0, "{}", run.text);
    run.has(&[
            "-auth  [success=2 default=ignore]                  pam_succeed_if.so quiet user in root",
            "+auth  [success=2 default=ignore]                  pam_succeed_if.so quiet user in root:localadmin",
        ],
    );
    // Without --local they stay.
    let run = bench.enable(&["sshd"]);
    run.has(&["nothing to do"]);
    assert!(bench.read("pam.d/sshd").contains("user in root:localadmin"));
    assert_eq!(bench.run(&["disable", "sshd"]).status, 0);
    assert_eq!(bench.read("pam.d/sshd"), before);
}

/// Guard lines that are left without the module.
#[test]
fn guards_without_the_module_are_found() {
    require_host!();
    let bench = Bench::new();
    assert_eq!(bench.enable(&["sshd"]).status, 0);
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
        "remove these lines, too",
    ]);
    assert!(!run.text.contains("none names the module"), "{}", run.text);
}
