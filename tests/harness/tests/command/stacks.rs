//! `check` on PAM stacks that are dangerous.

use crate::bench::{Bench, COMMON_ACCOUNT, COMMON_AUTH, README_STACK};
use crate::check::{check, hold, require_host};
use authentik_double::Double;
use pam_harness::host::{RealHost, configuration, stacks};

const OURS: &str = "{module} config={config}";
const GUARD: &str =
    "auth [success=1 default=ignore] pam_succeed_if.so quiet user in root:localadmin";
const ACCOUNT: &str = "account required pam_nologin.so\n@include common-account";

/// A host whose sshd has this `auth` stack.
fn with_auth(lines: &[&str]) -> Bench {
    let bench = Bench::new();
    let auth = lines.join("\n").replace("OURS", OURS);
    bench.stack("sshd", &format!("{auth}\n{ACCOUNT}\n"));
    bench
}

/// A stack in which the local password is enough while authentik is down.
fn fallback() -> String {
    let lines = [
        GUARD,
        "auth [success=2 ignore=ignore authinfo_unavail=ignore default=die] OURS",
        "auth [success=1 default=ignore] pam_unix.so",
        "auth requisite pam_deny.so",
        "auth required pam_permit.so",
        "@include common-account",
    ];
    lines.join("\n").replace("OURS", OURS)
}

#[test]
fn stacks_that_lock_out() {
    require_host!();
    let bench = with_auth(&["auth required OURS", "auth required pam_deny.so"]);
    check(
        &bench,
        "stack-locks-out",
        1,
        &["no local way in", "pam_unix.so"],
    );
    let bench = with_auth(&["auth required pam_unix.so", "auth required OURS"]);
    check(
        &bench,
        "stack-without-guard",
        1,
        &["configuration is broken", "pam_succeed_if.so"],
    );
    let bench = with_auth(&[
        GUARD,
        "auth [success=done default=die ignore=ignore] {dir}/gone.so/pam_authentik_flow.so",
        "@include common-auth",
    ]);
    check(
        &bench,
        "module-missing",
        1,
        &["is not there", "install the module"],
    );
    // A guard for accounts without a password, and for accounts that do not exist.
    let bench = with_auth(&[
        "auth [success=1 default=ignore] pam_succeed_if.so quiet user in daemon:nobody-here",
        "auth required OURS",
        "auth required pam_deny.so",
    ]);
    check(
        &bench,
        "guard-without-password",
        1,
        &["no local way in", "that has a password"],
    );
    // The account stack refuses everyone that the module ignores.
    let bench = Bench::new();
    bench.stack(
        "sshd",
        &README_STACK.replace(
            "@include common-account",
            "account required {module} config={config}",
        ),
    );
    check(&bench, "account-stack-locks-out", 1, &["locks out"]);
}

#[test]
fn second_factors_that_fall_away() {
    require_host!();
    let bench = with_auth(&[
        "auth required pam_unix.so",
        GUARD,
        "auth [success=ok ignore=ignore authinfo_unavail=ignore default=die] OURS",
    ]);
    check(
        &bench,
        "mfa-fail-open",
        1,
        &[
            "is skipped when authentik",
            "auth required pam_authentik_flow.so",
        ],
    );
    let bench = with_auth(&[
        "auth required pam_unix.so",
        "auth [success=ok default=ignore] OURS",
    ]);
    // A module whose refusal has no effect is no second factor.
    check(&bench, "mfa-default-ignore", 1, &["✗ PAM stacks"]);
    let bench = with_auth(&["auth required pam_unix.so", GUARD, "auth required OURS"]);
    let run = check(&bench, "mfa-good", 0, &["a refusal keeps people out"]);
    assert!(!run.text.contains('✗'), "{}", run.text);
}

#[test]
fn stacks_that_let_too_many_in() {
    require_host!();
    let bench = with_auth(&["auth optional OURS", "auth required pam_permit.so"]);
    check(
        &bench,
        "stack-open-to-all",
        1,
        &["everybody gets in", "pam_deny.so"],
    );
    let bench = with_auth(&["auth sufficient OURS", "@include common-auth"]);
    check(
        &bench,
        "stack-sufficient",
        0,
        &["may still get in with a local password"],
    );
    let bench = Bench::new();
    let auth = [
        "auth sufficient OURS",
        "auth requisite pam_nologin.so",
        "@include common-auth",
    ];
    let auth = auth.join("\n").replace("OURS", OURS);
    bench.stack("sshd", &format!("{auth}\n@include common-account\n"));
    check(
        &bench,
        "before-nologin",
        1,
        &["pam_nologin.so comes after", "in front of"],
    );
}

/// The double's URL has a host name, and the caller of sudo can prevent its resolution.
#[test]
fn a_fallback_in_sudo_needs_addresses() {
    require_host!();
    let stack = fallback();
    let bench = Bench::new();
    bench.stack("sudo", &stack);
    check(
        &bench,
        "fallback-without-addresses",
        0,
        &["in sudo this exception", "addresses = "],
    );
    let bench = Bench::new();
    bench.stack("sshd", &stack);
    let run = bench.run(&["check", "--config", "{config}"]);
    assert!(!run.text.contains("never applies"), "{}", run.text);
}

/// A container whose first process is not systemd looks like a sandbox.
#[test]
fn a_fallback_in_sudo_needs_a_host_that_proves_its_network() {
    pam_harness::require_real_host!();
    let double = Double::start();
    let with_fallback = |service: &str| {
        let config = configuration(&double, "linux-login");
        RealHost::new(&double)
            .config(&format!("addresses = [\"127.0.0.1\"]\n{config}"))
            .stack(service, &stacks::with_way(service, "authentik-fallback"))
    };
    for (host, service, warns) in [
        (with_fallback("sudo").start(), "sudo", false),
        (
            with_fallback("sudo").without_systemd().start(),
            "sudo",
            true,
        ),
        (
            with_fallback("sshd").without_systemd().start(),
            "sshd",
            false,
        ),
    ] {
        let command = host.install_command();
        let output = host.output("root", &[command, "check", "--service", service]);
        let text = String::from_utf8_lossy(&output.stdout);
        let said = text.contains("this is the host's own network");
        assert_eq!(said, warns, "{service} {text}");
    }
}

#[test]
fn shared_files() {
    require_host!();
    let bench = Bench::new();
    let guarded = format!("{GUARD}\nauth [success=done default=die ignore=ignore] {OURS}\n");
    bench.stack("common-auth", &format!("{guarded}{COMMON_AUTH}"));
    bench.stack(
        "polkit-1",
        "@include common-auth\n@include common-account\n",
    );
    bench.stack("cron", "@include common-auth\n@include common-account\n");
    check(
        &bench,
        "common-auth",
        1,
        &["polkit-1", "no network", "authentik-flow enable sshd"],
    );

    let bench = Bench::new();
    let ours = format!(
        "account [success=1 default=ignore] pam_succeed_if.so quiet user in root:localadmin\naccount required {OURS}\n"
    );
    bench.stack("common-account", &format!("{ours}{COMMON_ACCOUNT}"));
    bench.stack("cron", "@include common-auth\n@include common-account\n");
    check(
        &bench,
        "common-account",
        0,
        &["cron (every job asks for the account)", "remove them"],
    );
}

#[test]
fn other_services_are_looked_at_too() {
    require_host!();
    let bench = Bench::new();
    bench.stack("sudo", &README_STACK.replace("{config}", "{dir}/sudo.toml"));
    bench.write("sudo.toml", "url = \"http://insecure.example\"\n", 0o644);
    check(
        &bench,
        "another-service-wrong",
        1,
        &[
            "sudo: the module cannot use its configuration",
            "--service sudo",
        ],
    );
    bench.stack("sudo", "auth requird {module}\n");
    check(
        &bench,
        "stack-unreadable",
        1,
        &["libpam cannot read", "sudo:1:"],
    );
}

/// Without --config the file is the one that the stack names.
#[test]
fn the_configuration_is_the_stacks() {
    require_host!();
    let bench = Bench::new();
    bench.stack(
        "sshd",
        &README_STACK.replace("config={config}", "config={config} flow=no-such-flow"),
    );
    let run = bench.run(&["check"]);
    hold(
        &run,
        "arguments-of-the-stack",
        1,
        &["with the arguments of /DIR/pam.d/sshd:2", "no-such-flow"],
    );
}
