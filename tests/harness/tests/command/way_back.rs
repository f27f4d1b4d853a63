//! `disable` is the way back: what `enable` leaves behind when it fails, what somebody
//! else has done to the files, and what the other lines let through then.

use std::fs;

use crate::bench::Bench;
use crate::check::require_host;

/// A folder below the host's that nobody can write to, while the command runs.
fn read_only(folder: &str) -> String {
    format!(
        "mount --bind \"$1/{folder}\" \"$1/{folder}\" && mount -o remount,bind,ro \"$1/{folder}\" || exit 9; shift; exec \"$@\""
    )
}

const CLOSED: &str = "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\nauth required pam_permit.so\naccount required pam_permit.so\n";

/// The stack keeps the earlier block, and what is kept about it says the same.
#[test]
fn an_enable_that_could_not_write_the_stack_changes_nothing() {
    require_host!();
    let bench = Bench::new();
    bench.stack("sshd", CLOSED);
    let again = [
        "enable",
        "--config",
        "{config}",
        "sshd",
        "--local",
        "localadmin",
    ];
    let run = bench.run_in_mounts_of_its_own(&read_only("pam.d"), &again);
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&["mount it to be written"]);
    assert!(!bench.path("state").exists(), "{}", run.text);

    assert_eq!(bench.enable(&["sshd"]).status, 0);
    let enabled = bench.read("pam.d/sshd");
    let run = bench.run_in_mounts_of_its_own(&read_only("pam.d"), &again);
    assert_eq!(run.status, 1, "{}", run.text);
    assert_eq!(bench.read("pam.d/sshd"), enabled);
    let run = bench.run(&["disable", "sshd"]);
    assert_eq!(run.status, 0, "{}", run.text);
    assert_eq!(bench.read("pam.d/sshd"), CLOSED);
    assert!(!bench.path("state").exists(), "{}", run.text);
}

/// The machine may stop between the copy of a block and the block itself.
#[test]
fn a_change_that_ended_half_way_is_taken_back() {
    require_host!();
    for written in [false, true] {
        let bench = Bench::new();
        bench.stack("sshd", CLOSED);
        assert_eq!(bench.enable(&["sshd"]).status, 0);
        let (first, first_block) = (bench.read("pam.d/sshd"), bench.read("state/sshd.block"));
        let more = ["sshd", "--local", "localadmin"];
        assert_eq!(bench.enable(&more).status, 0);
        let second_block = bench.read("state/sshd.block");
        assert_ne!(first_block, second_block);
        bench.write("state/sshd.block", &first_block, 0o600);
        bench.write("state/sshd.block.next", &second_block, 0o600);
        if !written {
            bench.stack("sshd", &first);
        }
        // A third change that fails leaves a block of the two.
        let third = ["enable", "--config", "{config}", "sshd", "--local", "root"];
        let run = bench.run_in_mounts_of_its_own(&read_only("pam.d"), &third);
        assert!(!run.text.contains("somebody has changed"), "{}", run.text);
        let run = bench.run(&["disable", "sshd"]);
        assert_eq!(run.status, 0, "{}", run.text);
        assert_eq!(bench.read("pam.d/sshd"), CLOSED);
    }
}

/// A comment in another encoding, as an editor of long ago wrote it.
#[test]
fn bytes_that_are_not_utf8_keep_nothing_from_being_taken_out() {
    require_host!();
    let bench = Bench::new();
    bench.stack("sshd", CLOSED);
    assert_eq!(bench.enable(&["sshd"]).status, 0);
    let latin: &[u8] = b"# f\xfcr M\xfcller\n";
    let path = bench.path("pam.d/sshd");
    let with_comment = [latin, &fs::read(&path).unwrap()].concat();
    for arguments in [&["disable", "--all"][..], &["disable", "sshd"]] {
        fs::write(&path, &with_comment).unwrap();
        let run = bench.run(arguments);
        assert_eq!(run.status, 0, "{}", run.text);
        run.has(&["sshd: the lines of enable are out"]);
        assert_eq!(
            fs::read(&path).unwrap(),
            [latin, CLOSED.as_bytes()].concat()
        );
    }
}

/// The same comment in the service's own file, in a line that the block repeats, and in an
/// included file.
#[test]
fn bytes_that_are_not_utf8_stay_as_they_are_when_the_module_is_put_in() {
    require_host!();
    let bench = Bench::new();
    let latin: &[u8] = b"# f\xfcr M\xfcller\n";
    let path = bench.path("pam.d/sshd");
    let before = [latin, CLOSED.as_bytes()].concat();
    fs::write(&path, &before).unwrap();
    let run = bench.enable(&["sshd"]);
    assert_eq!(run.status, 0, "{}", run.text);
    let kept = fs::read(bench.path("state/sshd.before")).unwrap();
    assert_eq!(kept, before, "the copy");
    assert!(fs::read(&path).unwrap().starts_with(latin));
    bench
        .run(&["status"])
        .has(&["by the block of enable: /DIR/pam.d/sshd:"]);
    // Another list, and back.
    let run = bench.enable(&["sshd", "--local", "localadmin"]);
    assert_eq!(run.status, 0, "{}", run.text);
    let run = bench.run(&["disable", "sshd"]);
    assert_eq!(run.status, 0, "{}", run.text);
    assert_eq!(fs::read(&path).unwrap(), before);
    // libpam reads the line in front of it, and nothing behind it.
    let broken = [before.as_slice(), b"auth [success pam_authentik_flow.so\n"].concat();
    fs::write(&path, broken).unwrap();
    let run = bench.run(&["check", "--service", "sshd"]);
    run.has(&["sshd: libpam cannot read the stack"]);
}

#[test]
fn a_block_that_somebody_has_copied_goes_twice() {
    require_host!();
    let bench = Bench::new();
    bench.stack("sshd", CLOSED);
    assert_eq!(bench.enable(&["sshd"]).status, 0);
    let block = bench.read("state/sshd.block");
    let twice = format!("{block}{}", bench.read("pam.d/sshd"));
    bench.stack("sshd", &twice);
    let run = bench.run(&["disable", "--all"]);
    assert_eq!(run.status, 0, "{}", run.text);
    assert_eq!(bench.read("pam.d/sshd"), CLOSED);
    // If one of them is changed, both stay, and the lines are those of the file.
    let changed = format!(
        "{block}{}",
        CLOSED.replacen("auth", &format!("{}auth", block.replace("root", "bob")), 1)
    );
    assert_eq!(bench.enable(&["sshd"]).status, 0);
    bench.stack("sshd", &changed);
    let run = bench.run(&["disable", "sshd"]);
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&["/DIR/pam.d/sshd:6:"]);
    assert_eq!(bench.read("pam.d/sshd"), changed);
}

/// `/var` may be read-only when `/etc` is not.
#[test]
fn a_state_that_cannot_be_written_does_not_shut_the_way_back() {
    require_host!();
    let bench = Bench::new();
    bench.stack("sshd", CLOSED);
    assert_eq!(bench.enable(&["sshd"]).status, 0);
    let run = bench.run_in_mounts_of_its_own(&read_only("state"), &["disable", "sshd"]);
    assert_eq!(run.status, 0, "{}", run.text);
    assert_eq!(bench.read("pam.d/sshd"), CLOSED);
    run.has(&[
        "Without a lock",
        "sshd: the lines of enable are out",
        "the data that enable kept about it stays",
    ]);
    assert!(
        !run.text.contains("nothing is changed in it"),
        "{}",
        run.text
    );
    // Afterwards it can be enabled and disabled as before.
    assert_eq!(bench.enable(&["sshd", "--local", "localadmin"]).status, 0);
    assert_eq!(bench.run(&["disable", "sshd"]).status, 0);
    assert_eq!(bench.read("pam.d/sshd"), CLOSED);
}

/// Somebody has taken the password out and left the rest.
#[test]
fn lines_that_let_everybody_in_are_not_left_alone() {
    require_host!();
    let bench = Bench::new();
    bench.stack("sshd", CLOSED);
    assert_eq!(bench.enable(&["sshd"]).status, 0);
    let block = bench.read("state/sshd.block");
    for rest in [
        "auth required pam_shells.so\nauth required pam_permit.so\n",
        "auth sufficient pam_succeed_if.so quiet user != bob\nauth required pam_unix.so\n",
        "auth [success=2 default=1] pam_unix.so\nauth requisite pam_deny.so\nauth required pam_permit.so\n",
    ] {
        let text = format!("{block}{rest}account required pam_permit.so\n");
        bench.stack("sshd", &text);
        for arguments in [&["disable", "sshd"][..], &["disable", "--dry-run", "sshd"]] {
            let run = bench.run(arguments);
            assert_eq!(run.status, 1, "{rest}: {}", run.text);
            run.has(&["let in everybody", "--force", "nothing is changed in it"]);
            assert_eq!(bench.read("pam.d/sshd"), text);
        }
    }
    // With the flag they are.
    let text = format!("{block}auth required pam_permit.so\n");
    bench.stack("sshd", &text);
    let run = bench.run(&["disable", "--force", "sshd"]);
    assert_eq!(run.status, 0, "{}", run.text);
    assert_eq!(bench.read("pam.d/sshd"), "auth required pam_permit.so\n");
}

/// A jump that somebody has written in front, over the block and the refusal behind it:
/// without the block it leads past the password.
#[test]
fn lines_that_keep_local_accounts_out_are_not_left_alone() {
    require_host!();
    let bench = Bench::new();
    bench.stack("sshd", CLOSED);
    assert_eq!(bench.enable(&["sshd", "--local", "localadmin"]).status, 0);
    let block = bench.read("state/sshd.block");
    let guard = "auth [success=4 default=ignore] pam_succeed_if.so quiet user in root:localadmin\n";
    let rest =
        "auth requisite pam_deny.so\nauth sufficient pam_unix.so\nauth required pam_deny.so\n";
    let text = format!("{guard}{block}{rest}account required pam_permit.so\n");
    bench.stack("sshd", &text);
    let run = bench.run(&["disable", "sshd"]);
    assert_eq!(run.status, 1, "{}", run.text);
    run.has(&["keep root out", "--force", "nothing is changed in it"]);
    assert_eq!(bench.read("pam.d/sshd"), text);
}

/// libpam cuts arguments at blanks and lines at a `#`.
#[test]
fn the_configuration_of_enable_reaches_the_module_as_it_was_named() {
    require_host!();
    let bench = Bench::new();
    bench.stack("sshd", CLOSED);
    fs::create_dir(bench.path("my conf")).unwrap();
    let config = bench.read("config.toml");
    for (path, is_named) in [
        ("my conf/plain.toml", true),
        ("two  blanks.toml", true),
        ("a#b.toml", false),
        ("a]b.toml", false),
        ("[a.toml", false),
        ("a\\b.toml", false),
        ("a\tb.toml", false),
        ("a\nb.toml", false),
    ] {
        bench.write(path, &config, 0o644);
        let named = format!("{{dir}}/{path}");
        let run = bench.run(&["enable", "--config", &named, "sshd"]);
        if !is_named {
            assert_eq!(run.status, 1, "{path}: {}", run.text);
            run.has(&["give the file another name", "nothing is changed"]);
            assert_eq!(bench.read("pam.d/sshd"), CLOSED);
            continue;
        }
        assert_eq!(run.status, 0, "{path}: {}", run.text);
        // The real libpam gives the module one argument.
        let full = bench.path(path).display().to_string();
        let stack = bench
            .read("pam.d/sshd")
            .replace("pam_authentik_flow.so", "{module}");
        assert!(stack.contains(&format!("[config={full}]")), "{stack}");
        let outcome = pam_harness::Pam::new(&pam_harness::Module::built())
            .service("sshd")
            .user("alice")
            .stack(&stack)
            .answer_secret_to("Password", crate::bench::PASSWORD)
            .authenticate()
            .run();
        let log = outcome.to_string();
        assert_ne!(outcome.code(), "PAM_SERVICE_ERR", "{path}: {log}");
        assert_eq!(bench.run(&["disable", "sshd"]).status, 0);
    }
}
