//! `enable` and `disable`.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use pam_harness::accounts::LOCAL_ADMIN_PASSWORD;
use pam_harness::{Module, Pam};

use crate::bench::{Bench, COMMON_ACCOUNT, COMMON_AUTH, Run};

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
        "+# BEGIN authentik-flow enable; authentik-flow disable sudo takes these lines out.",
        "+auth  [success=2 default=ignore]                  pam_succeed_if.so quiet user in root:localadmin",
        "+auth  [success=1 default=ignore]                  pam_localuser.so file=/dev/null",
        "+auth  [success=2 default=die ignore=ignore]       pam_authentik_flow.so config=/DIR/config.toml",
        "+# END authentik-flow enable",
        "sudo: a login that authentik accepts skips /DIR/pam.d/common-auth:1 (pam_unix.so), /DIR/pam.d/common-auth:2 (pam_deny.so); every other line is asked as before.",
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

/// One that has nothing to take back does not keep the others from it.
#[test]
fn disable_goes_through_all_that_are_named() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    bench.stack("sudo", SUDO);
    let before = everything(&bench);
    assert_eq!(enable(&bench, &["sshd"]).status, 0);
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

/// A list of who may come at all, in front: with lines more behind it, its jump
/// would lead past the refusal, and let in whom it keeps out.
#[test]
fn refused_where_a_line_jumps_over_the_place() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let list = |jump: usize| {
        format!(
            "auth [success=ok default={jump}] pam_succeed_if.so quiet user in root:bob\n\
             auth sufficient pam_unix.so\nauth required pam_deny.so\n"
        )
    };
    bench.stack("sudo", &list(1));
    let run = enable(&bench, &["sudo"]);
    assert_eq!(run.status, 1, "{}", run.text);
    assert!(run.text.contains("line 1 of "), "{}", run.text);
    assert!(run.text.contains("jumps over the place"), "{}", run.text);
    assert_eq!(bench.read("pam.d/sudo"), list(1));
    // One that ends in front of it leads to where it led.
    let ends =
        "auth [default=1] pam_permit.so\nauth required pam_deny.so\nauth required pam_unix.so\n";
    bench.stack("sudo", ends);
    let run = enable(&bench, &["sudo"]);
    assert_eq!(run.status, 0, "{}", run.text);
}

/// Names that skip the module, and could not log in either: also where another could.
#[test]
fn refused_where_a_local_account_is_none_or_has_no_password() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let before = everything(&bench);
    for (name, part) in [
        ("daemon", "--local daemon: daemon has no local password"),
        ("locladmin", "--local locladmin: there is no such account"),
    ] {
        for more in [&[][..], &["--local", "root", "--local", "localadmin"]] {
            let mut arguments = vec!["sshd", "--local", name];
            arguments.extend(more);
            let run = enable(&bench, &arguments);
            assert_eq!(run.status, 1, "{}", run.text);
            for part in [part, "sshd: ", "nothing is changed"] {
                assert!(run.text.contains(part), "no {part:?} in {}", run.text);
            }
            assert_eq!(everything(&bench), before);
        }
    }
}

/// As on many hosts: root is named, so that no configuration keeps it out, and
/// another account is the way in.
#[test]
fn roots_password_may_be_locked_where_another_has_one() {
    pam_harness::require_isolation!();
    let bench = Bench::with_locked_root();
    let before = everything(&bench);
    let run = enable(&bench, &["sshd"]);
    assert_eq!(run.status, 1, "{}", run.text);
    assert!(
        run.text.contains("root has no local password"),
        "{}",
        run.text
    );
    assert_eq!(everything(&bench), before);
    let run = enable(
        &bench,
        &["sshd", "--local", "root", "--local", "localadmin"],
    );
    assert_eq!(run.status, 0, "{}", run.text);
}

#[test]
fn root_alone_is_no_way_in_by_a_password_of_sshd() {
    pam_harness::require_isolation!();
    const DOUBT: &str = "sshd refuses root's password unless PermitRootLogin is yes";
    let bench = Bench::new();
    bench.stack("sudo", SUDO);
    for (arguments, doubted) in [
        (&["sshd"][..], true),
        (&["sshd", "--local", "root"], true),
        (&["sshd", "--local", "localadmin"], false),
        (&["sshd", "--local", "root", "--local", "localadmin"], false),
        (&["sudo"], false),
    ] {
        let mut arguments = arguments.to_vec();
        arguments.push("--dry-run");
        let run = enable(&bench, &arguments);
        assert_eq!(run.status, 0, "{}", run.text);
        assert_eq!(run.text.contains(DOUBT), doubted, "{}", run.text);
    }
    let run = enable(&bench, &["sshd"]);
    assert!(run.status == 0 && run.text.contains(DOUBT), "{}", run.text);
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
    refused(&["there is no such file"], "no-such-service");
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

/// Whatever else is changed in the file, the block goes, and the rest stays.
#[test]
fn disable_takes_out_its_own_lines_alone() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let before = bench.read("pam.d/sshd");
    assert_eq!(enable(&bench, &["sshd"]).status, 0);
    let more = "session optional pam_mkhomedir.so\n";
    bench.stack("sshd", &(bench.read("pam.d/sshd") + more));
    let run = bench.run(&["disable", "sshd"]);
    assert_eq!(run.status, 0, "{}", run.text);
    assert_eq!(bench.read("pam.d/sshd"), before + more);
    assert!(!bench.path("state").exists(), "no copy is left");
}

/// Lines of the block that somebody has changed are shown, and stay; another service
/// is not kept waiting.
#[test]
fn what_was_changed_since_is_not_clobbered() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    bench.stack("sudo", SUDO);
    assert_eq!(enable(&bench, &["sshd", "sudo"]).status, 0);
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
    assert!(bench.path("state/sshd.before").exists(), "the copy stays");
    // One of the marks is gone.
    let half = changed.replace("# END authentik-flow enable\n", "");
    bench.stack("sshd", &half);
    let run = bench.run(&["disable", "--all"]);
    assert_eq!(run.status, 1, "{}", run.text);
    assert!(
        run.text
            .contains("/DIR/pam.d/sshd:1: this mark of enable stands alone"),
        "{}",
        run.text
    );
    assert_eq!(bench.read("pam.d/sshd"), half);
}

/// What version 0.1.0 has written goes, too.
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
    let run = enable(&bench, &["fedora", "arch", "su"]);
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
            .contains("arch, fedora, su: a refusal refuses, and a local way in is kept"),
        "{}",
        check.text
    );
}

/// As authselect writes them: lines that choose who is asked for which password jump
/// over the password. The block stands in front of the first of them, and behind a smart
/// card that is required.
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
        let run = enable(&bench, &["sudo"]);
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

/// What `enable` has written, through the real libpam: with a configuration that
/// is broken the local account gets in, and nobody else.
#[test]
fn the_local_way_in_is_one() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    bench.stack("sshd", &format!("{COMMON_AUTH}{COMMON_ACCOUNT}"));
    let run = enable(&bench, &["sshd", "--local", "localadmin"]);
    assert_eq!(run.status, 0, "{}", run.text);
    let config = format!("config={}", bench.path("config.toml").display());
    let stack = bench
        .read("pam.d/sshd")
        .replace("pam_authentik_flow.so", "{module}")
        .replace(&config, "config={config}");
    let broken = |user: &str| {
        Pam::new(&Module::built())
            .service("sshd")
            .user(user)
            .stack(&stack)
            .config("flwo = \"x\"\n")
            .authenticate()
    };
    let local = broken("localadmin").answer_secret_to("Password", LOCAL_ADMIN_PASSWORD);
    assert_eq!(local.run().code().to_string(), "PAM_SUCCESS");
    let wrong = broken("localadmin").answer_secret_to("Password", "not-his");
    assert_eq!(wrong.run().code().to_string(), "PAM_AUTH_ERR");
    assert_eq!(broken("alice").run().code().to_string(), "PAM_SERVICE_ERR");
}
