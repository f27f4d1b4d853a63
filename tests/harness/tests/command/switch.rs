//! `enable` and `disable`.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::bench::{Bench, Run};

const SUDO: &str = "#%PAM-1.0\n\n# Set up user limits.\nsession    required   pam_limits.so\n@include common-auth\n@include common-account\n";

/// What is in the stacks' folder, each file with its text.
fn everything(bench: &Bench) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = fs::read_dir(bench.path("pam.d"))
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn enable(bench: &Bench, more: &[&str]) -> Run {
    let mut arguments = vec!["enable", "--config", "{config}"];
    arguments.extend(more);
    bench.run(&arguments)
}

#[test]
fn there_and_back_leaves_every_byte_as_it_was() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    bench.stack("sudo", SUDO);
    fs::set_permissions(bench.path("pam.d/sudo"), Permissions::from_mode(0o640)).unwrap();
    let before = everything(&bench);
    let run = enable(
        &bench,
        &["sshd", "sudo", "--local", "root", "--local", "localadmin"],
    );
    assert_eq!(run.status, 0, "{}", run.text);
    for part in [
        "--- /DIR/pam.d/sudo",
        "+auth  [success=1 default=ignore]                pam_succeed_if.so quiet user in root:localadmin",
        "+auth  [success=done default=die ignore=ignore]  pam_authentik_flow.so config=/DIR/config.toml",
        "Keep this root shell open",
    ] {
        assert!(run.text.contains(part), "no {part:?} in {}", run.text);
    }
    let sudo = bench.read("pam.d/sudo");
    let place = sudo.find("pam_authentik_flow.so").unwrap();
    assert!(sudo.find("pam_limits.so").unwrap() < place, "{sudo}");
    assert!(sudo.find("@include common-auth").unwrap() > place, "{sudo}");
    let metadata = fs::metadata(bench.path("pam.d/sudo")).unwrap();
    assert_eq!(metadata.mode() & 0o7777, 0o640);
    // Every file there is a service: no copy and no left-over is.
    let names = |files: &[(String, String)]| -> Vec<String> {
        files.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&everything(&bench)), names(&before));
    assert_eq!(bench.read("state/sudo.before"), SUDO);

    let check = bench.run(&["check"]);
    assert!(
        check
            .text
            .contains("sshd, sudo: a refusal refuses, and a local way in is kept"),
        "{}",
        check.text
    );

    // Again, nothing happens.
    let enabled = everything(&bench);
    let again = enable(&bench, &["sshd", "sudo"]);
    assert!(
        again.status == 0 && again.text.contains("nothing to do"),
        "{}",
        again.text
    );
    assert_eq!(everything(&bench), enabled);

    let dry = bench.run(&["disable", "--dry-run", "sshd"]);
    assert!(
        dry.status == 0 && dry.text.contains("-auth "),
        "{}",
        dry.text
    );
    assert_eq!(everything(&bench), enabled);
    let run = bench.run(&["disable", "sshd", "sudo"]);
    assert_eq!(run.status, 0, "{}", run.text);
    assert_eq!(everything(&bench), before);
    assert_eq!(
        fs::metadata(bench.path("pam.d/sudo")).unwrap().mode() & 0o7777,
        0o640
    );
    assert!(!bench.path("state").exists(), "no copy is left");
    let again = bench.run(&["disable", "sshd"]);
    assert!(
        again.status == 0 && again.text.contains("nothing to do"),
        "{}",
        again.text
    );
}

#[test]
fn a_dry_run_writes_nothing() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let before = everything(&bench);
    let run = enable(&bench, &["--dry-run", "sshd"]);
    assert_eq!(run.status, 0, "{}", run.text);
    assert!(
        run.text.contains("+auth ") && run.text.contains("nothing is written"),
        "{}",
        run.text
    );
    assert_eq!(everything(&bench), before);
    assert!(!bench.path("state").exists());
}

#[test]
fn refused_where_nobody_local_would_get_in() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    bench.stack("vault", "auth required pam_sss.so\n");
    bench.stack("locked", "auth required pam_deny.so\n");
    // The password is there, and does not help.
    bench.stack(
        "closed",
        "auth required pam_unix.so\nauth required pam_deny.so\n",
    );
    let before = everything(&bench);
    for service in ["vault", "locked", "closed"] {
        // One that could be changed is not, either.
        let run = enable(&bench, &["sshd", service]);
        assert_eq!(run.status, 1, "{service}: {}", run.text);
        assert!(run.text.contains("local way in"), "{service}: {}", run.text);
        assert!(
            run.text.contains("nothing is changed"),
            "{service}: {}",
            run.text
        );
        assert_eq!(everything(&bench), before, "{service}");
    }
}

#[test]
fn refused_where_the_module_could_not_work() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let before = everything(&bench);
    let refused = |parts: &[&str], service: &str| {
        let run = enable(&bench, &[service]);
        assert_eq!(run.status, 1, "{}", run.text);
        for part in parts {
            assert!(run.text.contains(part), "no {part:?} in {}", run.text);
        }
        assert_eq!(everything(&bench), before);
    };
    refused(&["No such file"], "no-such-service");
    let config = bench.read("config.toml");
    bench.write("config.toml", "flwo = \"x\"\n", 0o644);
    refused(&["could not use its configuration", "flwo"], "sshd");
    bench.write("config.toml", &config, 0o644);
    fs::remove_file(bench.path("pam_authentik_flow.so")).unwrap();
    refused(&["the module is not installed"], "sshd");
}

#[test]
fn a_link_is_another_tools() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    std::os::unix::fs::symlink("sshd", bench.path("pam.d/linked")).unwrap();
    let run = enable(&bench, &["linked"]);
    assert!(
        run.status == 1 && run.text.contains("is a link"),
        "{}",
        run.text
    );
    assert!(
        fs::symlink_metadata(bench.path("pam.d/linked"))
            .unwrap()
            .is_symlink()
    );
}

#[test]
fn what_was_changed_since_is_not_clobbered() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    assert_eq!(enable(&bench, &["sshd"]).status, 0);
    let changed = bench.read("pam.d/sshd") + "session optional pam_motd.so\n";
    bench.stack("sshd", &changed);
    let run = bench.run(&["disable", "sshd"]);
    assert_eq!(run.status, 1, "{}", run.text);
    for part in [
        "was changed since enable",
        "+session optional pam_motd.so",
        "by hand",
    ] {
        assert!(run.text.contains(part), "no {part:?} in {}", run.text);
    }
    assert_eq!(bench.read("pam.d/sshd"), changed);
    assert!(bench.path("state/sshd.before").exists(), "the copy stays");
}

#[test]
fn what_somebody_else_has_put_in_is_theirs() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    bench.stack("sshd", crate::bench::README_STACK);
    let before = everything(&bench);
    let run = bench.run(&["disable", "sshd"]);
    assert_eq!(run.status, 1, "{}", run.text);
    assert!(
        run.text.contains("somebody else than enable"),
        "{}",
        run.text
    );
    let run = enable(&bench, &["sshd"]);
    assert!(
        run.status == 0 && run.text.contains("nothing to do"),
        "{}",
        run.text
    );
    assert_eq!(everything(&bench), before);
}
