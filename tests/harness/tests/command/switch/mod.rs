//! `enable` and `disable`.

mod refused;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::bench::Bench;

const SUDO: &str = "#%PAM-1.0\n\n# Set up user limits.\nsession    required   pam_limits.so\n@include common-auth\n@include common-account\n";

/// The files in the stacks' folder, with their text.
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

#[test]
fn there_and_back_leaves_every_byte_as_it_was() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    bench.stack("sudo", SUDO);
    fs::set_permissions(bench.path("pam.d/sudo"), Permissions::from_mode(0o640)).unwrap();
    let before = everything(&bench);
    let run = bench.enable(&["sshd", "sudo", "--local", "root", "--local", "localadmin"]);
    assert_eq!(run.status, 0, "{}", run.text);
    for part in [
        "--- /DIR/pam.d/sudo",
        "+# BEGIN authentik-flow enable; authentik-flow disable sudo takes these lines out.",
        "+auth  [success=2 default=ignore]                  pam_succeed_if.so quiet user in root:localadmin",
        "+auth  [success=1 default=ignore]                  pam_localuser.so file=/dev/null",
        "+auth  [success=2 default=die ignore=ignore]       pam_authentik_flow.so config=/DIR/config.toml",
        "+# END authentik-flow enable",
        "sudo: a login that authentik accepts skips /DIR/pam.d/common-auth:1 (pam_unix.so), /DIR/pam.d/common-auth:2 (pam_deny.so); every other line works as before.",
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
    // Every file there is a service, so no copy and no leftover may be there.
    let names = |files: &[(String, String)]| -> Vec<String> {
        files.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&everything(&bench)), names(&before));
    assert_eq!(bench.read("state/sudo.before"), SUDO);

    let check = bench.run(&["check"]);
    assert!(
        check
            .text
            .contains("sshd, sudo: a refusal keeps people out, and a local way in is kept"),
        "{}",
        check.text
    );

    // The second time nothing happens.
    let enabled = everything(&bench);
    let again = bench.enable(&["sshd", "sudo"]);
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
    assert!(
        !bench.path("state").exists(),
        "a copy of the stack is left over"
    );
    let again = bench.run(&["disable", "sshd"]);
    assert!(
        again.status == 0 && again.text.contains("nothing to do"),
        "{}",
        again.text
    );
}

/// A service without a block does not stop the others.
#[test]
fn disable_goes_through_all_that_are_named() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    bench.stack("sudo", SUDO);
    let before = everything(&bench);
    assert_eq!(bench.enable(&["sshd"]).status, 0);
    let run = bench.run(&["disable", "sudo", "sshd"]);
    assert_eq!(run.status, 0, "{}", run.text);
    for part in [
        "sudo: enable has not changed it; nothing to do",
        "sshd: the lines of enable are out; nothing else is changed.",
    ] {
        assert!(run.text.contains(part), "no {part:?} in {}", run.text);
    }
    assert_eq!(everything(&bench), before);
}

#[test]
fn a_dry_run_writes_nothing() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let before = everything(&bench);
    let run = bench.enable(&["--dry-run", "sshd"]);
    assert_eq!(run.status, 0, "{}", run.text);
    assert!(
        run.text.contains("+auth ") && run.text.contains("nothing is written"),
        "{}",
        run.text
    );
    assert_eq!(everything(&bench), before);
    assert!(!bench.path("state").exists());
}

/// Whatever else has changed in the file, the block is removed, and the rest stays.
#[test]
fn disable_takes_out_its_own_lines_alone() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let before = bench.read("pam.d/sshd");
    assert_eq!(bench.enable(&["sshd"]).status, 0);
    let more = "session optional pam_mkhomedir.so\n";
    bench.stack("sshd", &(bench.read("pam.d/sshd") + more));
    let run = bench.run(&["disable", "sshd"]);
    assert_eq!(run.status, 0, "{}", run.text);
    assert_eq!(bench.read("pam.d/sshd"), before + more);
    assert!(
        !bench.path("state").exists(),
        "a copy of the stack is left over"
    );
}

/// Lines of the block that somebody has changed are shown and stay. Other services are still
/// handled.
#[test]
fn later_changes_are_not_overwritten() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    bench.stack("sudo", SUDO);
    assert_eq!(bench.enable(&["sshd", "sudo"]).status, 0);
    let changed = bench
        .read("pam.d/sshd")
        .replace("user in root", "user in root:bob");
    bench.stack("sshd", &changed);
    let run = bench.run(&["disable", "sshd", "sudo"]);
    assert_eq!(run.status, 1, "{}", run.text);
    for part in [
        "sshd: somebody has changed the lines of enable in /DIR/pam.d/sshd:",
        "/DIR/pam.d/sshd:2: auth  [success=2 default=ignore]",
        "enable had written:",
        "sudo: the lines of enable are out",
    ] {
        assert!(run.text.contains(part), "no {part:?} in {}", run.text);
    }
    assert_eq!(bench.read("pam.d/sshd"), changed);
    assert_eq!(bench.read("pam.d/sudo"), SUDO);
    assert!(
        bench.path("state/sshd.before").exists(),
        "the copy of the stack is gone"
    );
    // One of the marks is missing.
    let half = changed.replace("# END authentik-flow enable\n", "");
    bench.stack("sshd", &half);
    let run = bench.run(&["disable", "--all"]);
    assert_eq!(run.status, 1, "{}", run.text);
    assert!(
        run.text
            .contains("/DIR/pam.d/sshd:1: this mark of enable is there, but"),
        "{}",
        run.text
    );
    assert_eq!(bench.read("pam.d/sshd"), half);
}

/// Lines of version 0.1.0 are removed too.
#[test]
fn lines_of_the_first_version_are_taken_out() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let before = bench.read("pam.d/sshd");
    let old = "# By authentik-flow enable; authentik-flow disable sshd takes it back.\n\
        auth  [success=2 default=ignore]                pam_succeed_if.so quiet user in root:localadmin\n\
        auth  [success=1 default=ignore]                pam_localuser.so file=/dev/null\n\
        auth  [success=done default=die ignore=ignore]  pam_authentik_flow.so\n";
    let more = "session optional pam_mkhomedir.so\n";
    bench.stack("sshd", &format!("{old}{before}{more}"));
    fs::create_dir(bench.path("state")).unwrap();
    bench.write("state/sshd.before", &before, 0o600);
    bench.write("state/sshd.after", &format!("{old}{before}"), 0o600);
    let run = bench.run(&["disable", "--all"]);
    assert_eq!(run.status, 0, "{}", run.text);
    assert_eq!(bench.read("pam.d/sshd"), format!("{before}{more}"));
    assert!(!bench.path("state").exists());
}

#[test]
fn lines_that_somebody_else_added_stay() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    bench.stack("sshd", crate::bench::README_STACK);
    let before = everything(&bench);
    let run = bench.run(&["disable", "sshd"]);
    assert_eq!(run.status, 1, "{}", run.text);
    assert!(
        run.text.contains("enable did not put the module in"),
        "{}",
        run.text
    );
    let run = bench.enable(&["sshd"]);
    assert!(
        run.status == 0 && run.text.contains("nothing to do"),
        "{}",
        run.text
    );
    assert_eq!(everything(&bench), before);
}

/// Where the lines go in stacks that are not Debian's.
#[test]
fn the_stacks_of_other_distributions() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    // Fedora: the password is in a substack.
    bench.stack(
        "password-auth",
        "auth required pam_env.so\nauth [default=1 ignore=ignore success=ok] pam_usertype.so isregular\nauth [default=1 ignore=ignore success=ok] pam_localuser.so\nauth sufficient pam_unix.so nullok\nauth [default=1 ignore=ignore success=ok] pam_usertype.so isregular\nauth sufficient pam_sss.so forward_pass\nauth required pam_deny.so\n",
    );
    bench.stack("postlogin", "session optional pam_umask.so silent\n");
    bench.stack(
        "fedora",
        "#%PAM-1.0\nauth       substack     password-auth\nauth       include      postlogin\naccount    required     pam_permit.so\n",
    );
    // Arch: with pam_faillock around it.
    bench.stack(
        "system-auth",
        "auth required pam_faillock.so preauth\n-auth [success=2 default=ignore] pam_systemd_home.so\nauth [success=1 default=bad] pam_unix.so try_first_pass nullok\nauth [default=die] pam_faillock.so authfail\nauth optional pam_permit.so\nauth required pam_env.so\nauth required pam_faillock.so authsucc\n",
    );
    bench.stack("system-remote-login", "auth include system-auth\n");
    bench.stack(
        "arch",
        "#%PAM-1.0\nauth      include   system-remote-login\naccount required pam_permit.so\n",
    );
    bench.stack(
        "su",
        "auth sufficient pam_rootok.so\nsession required pam_env.so\n@include common-auth\n@include common-account\n",
    );
    let run = bench.enable(&["fedora", "arch", "su"]);
    assert_eq!(run.status, 0, "{}", run.text);
    for (service, behind) in [
        ("fedora", "substack     password-auth"),
        ("arch", "include   system-remote-login"),
        ("su", "@include common-auth"),
    ] {
        let text = bench.read(&format!("pam.d/{service}"));
        let ours = text.find("pam_authentik_flow.so").unwrap();
        assert!(ours < text.find(behind).unwrap(), "{text}");
    }
    let su = bench.read("pam.d/su");
    assert!(
        su.find("pam_rootok.so") < su.find("pam_succeed_if.so"),
        "{su}"
    );
    let check = bench.run(&["check", "--config", "{config}"]);
    assert!(
        check
            .text
            .contains("arch, fedora, su: a refusal keeps people out, and a local way in is kept"),
        "{}",
        check.text
    );
}

/// As authselect writes them: lines that choose the password source jump over the password. The
/// block comes before the first of them, and after a required smart card.
#[test]
fn the_block_stands_in_front_of_what_chooses_the_password() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let chooses = "auth [default=1 ignore=ignore success=ok] pam_usertype.so isregular\n\
        auth [default=1 ignore=ignore success=ok] pam_localuser.so\n\
        auth sufficient pam_unix.so nullok\n\
        auth [default=1 ignore=ignore success=ok] pam_usertype.so isregular\n\
        auth sufficient pam_sss.so forward_pass\n\
        auth required pam_deny.so\n";
    let card = "auth [success=1 default=ignore] pam_succeed_if.so quiet service notin login:gdm\n\
        auth [success=done ignore=ignore default=die] pam_sss.so require_cert_auth\n";
    for ahead in ["auth required pam_env.so\n", card] {
        bench.stack("sudo", &format!("{ahead}{chooses}"));
        let run = bench.enable(&["sudo"]);
        assert_eq!(run.status, 0, "{}", run.text);
        let text = bench.read("pam.d/sudo");
        let (begin, end) = text
            .split_once(chooses)
            .expect("these lines are as they were");
        assert!(end.is_empty() && begin.starts_with(ahead), "{text}");
        assert!(begin.contains("# BEGIN authentik-flow enable"), "{text}");
        // It jumps over all of them.
        assert!(begin.contains("[success=6 default=die]"), "{text}");
        assert_eq!(bench.run(&["disable", "sudo"]).status, 0);
    }
}
