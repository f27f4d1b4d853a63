//! `sudo -i` and `su -` beside stacks that `enable` has changed.

use crate::bench::Bench;

const WHOLE: &str = "@include common-auth\n@include common-account\n";

/// Debian's sudo-i is a file of its own, and its su-l includes su.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.stack("sudo", WHOLE);
    bench.stack("sudo-i", WHOLE);
    bench.stack("su", &format!("auth sufficient pam_rootok.so\n{WHOLE}"));
    bench.stack("su-l", "auth include su\naccount include su\n");
    bench
}

const SUDO_I: &str = "sudo-i: `sudo -i` has its own stack, which does not ask authentik; to include it: authentik-flow enable --local root --local localadmin --config /DIR/config.toml sudo-i";
const SU_L: &str = "su-l: `su -` has its own stack";

/// What `enable` says of these services.
#[track_caller]
fn enable(bench: &Bench, services: &[&str]) -> String {
    let accounts = ["--local", "root", "--local", "localadmin"];
    let run = bench.enable(&[&accounts[..], services].concat());
    assert_eq!(run.status, 0, "{}", run.text);
    run.text
}

#[test]
fn enable_says_which_one_is_left_out() {
    pam_harness::require_isolation!();
    let bench = bench();
    for services in [&["sudo", "su", "--dry-run"][..], &["sudo", "su"], &["sudo"]] {
        let text = enable(&bench, services);
        assert!(text.contains(SUDO_I), "{services:?}: {text}");
        assert!(
            !text.contains("su-l"),
            "su-l is reported, although it includes su: {text}"
        );
    }
    let text = enable(&bench, &["sudo-i"]);
    assert!(!text.contains("stack of its own"), "{text}");
    let text = enable(&bench, &["sudo"]);
    assert!(
        !text.contains("sudo-i"),
        "sudo-i is reported, although it has the module: {text}"
    );
}

#[test]
fn nothing_is_said_where_none_is_left_out() {
    pam_harness::require_isolation!();
    let bench = bench();
    let text = enable(&bench, &["sudo", "sudo-i", "--dry-run"]);
    assert!(
        !text.contains("stack of its own"),
        "sudo-i is reported, although it is enabled at the same time: {text}"
    );
    bench.stack("sudo-i", "@include sudo\n");
    let text = enable(&bench, &["sudo", "--dry-run"]);
    assert!(
        !text.contains("sudo-i"),
        "sudo-i is reported, although it includes sudo: {text}"
    );
    std::fs::remove_file(bench.path("pam.d/sudo-i")).unwrap();
    let text = enable(&bench, &["sudo", "--dry-run"]);
    assert!(
        !text.contains("sudo-i"),
        "sudo-i is reported, although it does not exist: {text}"
    );
    bench.stack("su-l", WHOLE);
    let text = enable(&bench, &["su", "--dry-run"]);
    assert!(text.contains(SU_L), "{text}");
}

#[test]
fn check_says_it_too() {
    pam_harness::require_isolation!();
    let bench = bench();
    let left_out =
        "! PAM stacks      sudo-i: /DIR/pam.d/sudo-i is a stack of its own without the module";
    enable(&bench, &["sudo", "su"]);
    let run = bench.run(&["check", "--service", "sudo"]);
    for part in [
        left_out,
        "authentik-flow enable sudo-i",
        "su, su-l, sudo: a refusal keeps people out",
    ] {
        assert!(run.text.contains(part), "no {part:?} in {}", run.text);
    }
    enable(&bench, &["sudo-i"]);
    let run = bench.run(&["check", "--service", "sudo"]);
    assert!(
        run.text
            .contains("su, su-l, sudo, sudo-i: a refusal keeps people out")
            && !run.text.contains("! PAM"),
        "{}",
        run.text
    );
}
