//! What `enable` refuses.

use std::fs;

use pam_harness::accounts::LOCAL_ADMIN_PASSWORD;
use pam_harness::{Module, Pam};

use super::{SUDO, everything};
use crate::bench::{Bench, COMMON_ACCOUNT, COMMON_AUTH};

#[test]
fn refused_where_nobody_local_would_get_in() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    bench.stack("vault", "auth required pam_sss.so\n");
    bench.stack("locked", "auth required pam_deny.so\n");
    // The password exists, but does not help.
    bench.stack(
        "closed",
        "auth required pam_unix.so\nauth required pam_deny.so\n",
    );
    let before = everything(&bench);
    for service in ["vault", "locked", "closed"] {
        // An account that could be changed does not count either.
        let run = bench.enable(&["sshd", service]);
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

/// The stack starts with a list of allowed users. After lines are added, its jump would skip
/// the refusal, and let in users that it keeps out.
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
    let run = bench.enable(&["sudo"]);
    assert_eq!(run.status, 1, "{}", run.text);
    assert!(run.text.contains("line 1 of "), "{}", run.text);
    assert!(run.text.contains("jumps over the place"), "{}", run.text);
    assert_eq!(bench.read("pam.d/sudo"), list(1));
    // A jump that ends before the place still has the right target.
    let ends =
        "auth [default=1] pam_permit.so\nauth required pam_deny.so\nauth required pam_unix.so\n";
    bench.stack("sudo", ends);
    let run = bench.enable(&["sudo"]);
    assert_eq!(run.status, 0, "{}", run.text);
}

/// Names that skip the module and cannot log in: refused even if another account could.
#[test]
fn refused_without_a_usable_local_account() {
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
            let run = bench.enable(&arguments);
            assert_eq!(run.status, 1, "{}", run.text);
            for part in [part, "sshd: ", "nothing is changed"] {
                assert!(run.text.contains(part), "no {part:?} in {}", run.text);
            }
            assert_eq!(everything(&bench), before);
        }
    }
}

#[test]
fn refused_where_the_module_could_not_work() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let before = everything(&bench);
    let refused = |parts: &[&str], service: &str| {
        let run = bench.enable(&[service]);
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

/// As on many hosts: root is in the list, so that no configuration keeps it out, and another
/// account is the way in.
#[test]
fn roots_password_may_be_locked_where_another_has_one() {
    pam_harness::require_isolation!();
    let bench = Bench::with_locked_root();
    let before = everything(&bench);
    let run = bench.enable(&["sshd"]);
    assert_eq!(run.status, 1, "{}", run.text);
    assert!(
        run.text.contains("root has no local password"),
        "{}",
        run.text
    );
    assert_eq!(everything(&bench), before);
    let run = bench.enable(&["sshd", "--local", "root", "--local", "localadmin"]);
    assert_eq!(run.status, 0, "{}", run.text);
}

#[test]
fn root_alone_is_not_a_way_in_with_sshds_password_method() {
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
        let run = bench.enable(&arguments);
        assert_eq!(run.status, 0, "{}", run.text);
        assert_eq!(run.text.contains(DOUBT), doubted, "{}", run.text);
    }
    let run = bench.enable(&["sshd"]);
    assert!(run.status == 0 && run.text.contains(DOUBT), "{}", run.text);
}

#[test]
fn a_link_belongs_to_another_tool() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    std::os::unix::fs::symlink("sshd", bench.path("pam.d/linked")).unwrap();
    let run = bench.enable(&["linked"]);
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

/// The lines of `enable` through the real libpam: with a broken configuration only the local
/// account gets in.
#[test]
fn the_local_way_in_works() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    bench.stack("sshd", &format!("{COMMON_AUTH}{COMMON_ACCOUNT}"));
    let run = bench.enable(&["sshd", "--local", "localadmin"]);
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
