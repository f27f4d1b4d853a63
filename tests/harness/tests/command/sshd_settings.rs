//! `enable --sshd`: it changes the settings of the real sshd and reloads it.

use std::time::{Duration, Instant};

use pam_harness::accounts::LOCAL_ADMIN_PASSWORD;

use crate::bench::PASSWORD;
use crate::site::Site;

const DROP_IN: &str = "/etc/ssh/sshd_config.d/00-authentik-flow.conf";
/// As Debian has it.
const DEBIAN: &str = "Include /etc/ssh/sshd_config.d/*.conf\nKbdInteractiveAuthentication no\nUsePAM yes\nPrintMotd no\nLoginGraceTime 60\n";

fn site(settings: &str) -> Site {
    let other = "/etc/ssh/sshd_config.d/50-other.conf";
    Site::with(|host| host.sshd(settings).file(other, "X11Forwarding no\n", 0o644))
}

impl Site {
    #[track_caller]
    fn enable_settings(&self, more: &[&str]) -> String {
        self.enable(&[&["sshd", "--sshd", "--local", "localadmin"], more].concat())
    }

    /// Nothing is written where it is refused.
    #[track_caller]
    fn is_refused(&self, part: &str) {
        let kept = self.host.read(DROP_IN);
        let words = ["enable", "sshd", "--sshd", "--local", "localadmin"];
        let (status, text) = self.run(&words);
        assert_eq!(status, 1, "{text}");
        assert!(text.contains(part), "no {part:?} in {text}");
        assert_eq!(self.stack(), self.before);
        assert_eq!(self.host.read(DROP_IN), kept);
    }

    /// Whether the running sshd asks questions, according to the client.
    fn asks_questions(&self) -> bool {
        let mut ssh = self
            .host
            .ssh("alice")
            .option("PreferredAuthentications=none")
            .run(&["true"]);
        // sshd may be restarting at this moment.
        ssh.expect_or_end(&["Permission denied (", "refused", "reset", "closed"]);
        let ended = ssh.finish();
        ended.transcript.contains("keyboard-interactive")
    }

    #[track_caller]
    fn comes_to_ask(&self, wanted: bool) {
        let begun = Instant::now();
        while self.asks_questions() != wanted {
            assert!(begun.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Enable and disable, with the running sshd.
#[test]
fn the_running_sshd_reads_what_is_missing_and_forgets_it_again() {
    pam_harness::require_real_host!("sshd", "ssh", "ssh-keygen", "sudo");
    let site = site(DEBIAN).with_sshd();
    assert!(!site.asks_questions());
    let text = site.enable_settings(&[]);
    for part in [
        "+KbdInteractiveAuthentication yes",
        "+PasswordAuthentication no",
        // login_timeout is longer.
        "+LoginGraceTime ",
        "is read (SIGHUP to process ",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    site.comes_to_ask(true);
    for (user, password) in [("alice", PASSWORD), ("localadmin", LOCAL_ADMIN_PASSWORD)] {
        let mut ssh = site.host.ssh(user).run(&["true"]);
        ssh.answer("assword:", password);
        assert_eq!(ssh.finish().status, 0, "{user}");
    }
    let (_, check) = site.run(&["check"]);
    assert!(!check.contains("sshd cannot ask"), "{check}");
    // Again, nothing is to be done.
    let text = site.enable_settings(&[]);
    assert!(text.contains("its settings are right"), "{text}");
    let (status, text) = site.run(&["disable", "sshd"]);
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("is removed (SIGHUP"), "{text}");
    assert_eq!(site.host.read(DROP_IN), None);
    assert_eq!(site.stack(), site.before);
    site.comes_to_ask(false);
}

/// With `--try` the settings and the stack are restored together.
#[test]
fn settings_are_taken_back_with_the_stack() {
    pam_harness::require_real_host!("sshd", "ssh", "ssh-keygen", "sudo");
    let site = site(DEBIAN).with_sshd();
    site.enable_settings(&["--try", "5s"]);
    site.comes_to_ask(true);
    let begun = Instant::now();
    while site.host.read(DROP_IN).is_some() {
        assert!(begun.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(100));
    }
    site.comes_to_ask(false);
    assert_eq!(site.stack(), site.before);
    let (_, text) = site.run(&["confirm"]);
    assert!(
        text.contains("00-authentik-flow.conf is as it was before (SIGHUP to process "),
        "{text}"
    );
}

/// Nothing is written if sshd does not read it, or if it would let in more people.
#[test]
fn settings_that_would_not_hold_are_refused() {
    pam_harness::require_real_host!("sshd", "sudo", "ssh-keygen");
    let site = site(DEBIAN).with_host_key();
    let key = "HostKey /etc/ssh/host_key\n";
    let config = |text: &str| {
        site.host
            .write("/etc/ssh/sshd_config", &format!("{key}{text}"))
    };
    // It is not included.
    config(&DEBIAN.replace("Include", "# Include"));
    site.is_refused("sshd_config does not include that folder");
    // Another setting comes first.
    config(&format!("KbdInteractiveAuthentication no\n{DEBIAN}"));
    site.is_refused("KbdInteractiveAuthentication yes still does not hold");
    // Only keys: from now on a local password would be enough.
    config(&format!("{DEBIAN}PasswordAuthentication no\n"));
    site.is_refused("sshd does not let localadmin in by a password");
    // A file that somebody else wrote.
    config(DEBIAN);
    site.host.write(DROP_IN, "Banner none\n");
    site.is_refused("enable did not write its content");
    site.host.remove(DROP_IN);
    // sshd does not run: the settings are written, and the output says that sshd has not read
    // them.
    let text = site.enable_settings(&[]);
    assert!(text.contains("the running sshd has not read"), "{text}");
    // Somebody has changed it since.
    let edited = site.host.read(DROP_IN).unwrap() + "Banner none\n";
    site.host.write(DROP_IN, &edited);
    let (status, text) = site.run(&["disable", "sshd"]);
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("it stays as it is"), "{text}");
    assert_eq!(site.host.read(DROP_IN), Some(edited));
    // It belongs to sshd.
    let (status, text) = site.run(&["enable", "sudo", "--sshd", "--local", "localadmin"]);
    assert!(status == 1 && text.contains("name it, too"), "{text}");
}

/// The real sshd's answer: whether it takes a password from this user at this address.
fn takes_a_password(site: &Site, user: &str, address: &str) -> bool {
    let connection = format!("user={user},host=elsewhere,addr={address}");
    let output = site
        .host
        .output("root", &["/usr/sbin/sshd", "-T", "-C", &connection]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout).to_lowercase();
    text.contains("\npasswordauthentication yes")
        || text.contains("\nkbdinteractiveauthentication yes")
}

/// A block that keeps people to keys names one of the two methods only. `--sshd` turns the
/// other one on.
#[test]
fn a_match_block_that_requires_keys_still_does() {
    pam_harness::require_real_host!("sshd", "sudo", "ssh-keygen");
    let site = site(DEBIAN).with_host_key();
    let key = "HostKey /etc/ssh/host_key\n";
    let config = |text: &str| {
        site.host
            .write("/etc/ssh/sshd_config", &format!("{key}{text}"))
    };
    let near = "127.0.0.1";
    let far = "192.0.2.7";
    for (block, user, from) in [
        ("Match User root,bob", "root", far),
        ("Match Group localadmin", "localadmin", far),
        ("Match Address *,!127.0.0.1", "alice", far),
        ("Match all", "alice", far),
    ] {
        config(&format!(
            "{DEBIAN}PermitRootLogin yes\n{block}\n  PasswordAuthentication no\n"
        ));
        assert!(!takes_a_password(&site, user, from), "{block}");
        // The account that stays a way in takes passwords where it is not in the block.
        let local = match block.contains('*') || block.contains("root") {
            true => "localadmin",
            false => "root",
        };
        let (status, text) = site.run(&["enable", "sshd", "--sshd", "--local", local]);
        assert_eq!(status, 1, "{block}: {text}");
        assert!(!takes_a_password(&site, user, from), "{block}: {text}");
        assert_eq!(site.stack(), site.before);
        if block != "Match all" {
            let named = format!("{block} (/etc/ssh/sshd_config, line ");
            assert!(text.contains(&named), "{text}");
        }
    }
    // Keys alone, but not from here.
    config(&format!(
        "{DEBIAN}PasswordAuthentication no\nMatch Address 127.0.0.1\nPasswordAuthentication yes\n"
    ));
    assert!(takes_a_password(&site, "localadmin", near));
    assert!(!takes_a_password(&site, "localadmin", far));
    site.is_refused("sshd asks nobody for a password now");
    assert!(!takes_a_password(&site, "localadmin", far));
    // Without PAM, sshd has no questions.
    config(&format!("{DEBIAN}PasswordAuthentication no\n").replace("UsePAM yes", "UsePAM no"));
    site.is_refused("sshd");
    // A block in an included file.
    let other = "/etc/ssh/sshd_config.d/60-keys.conf";
    config(DEBIAN);
    site.host
        .write(other, "Match User bob\nPasswordAuthentication no\n");
    site.is_refused(&format!("Match User bob ({other}, line 1)"));
    // That is what the advice says.
    site.host.write(
        other,
        "Match User bob\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n",
    );
    site.enable_settings(&[]);
    assert!(!takes_a_password(&site, "bob", far));
    assert!(takes_a_password(&site, "alice", far));
}

/// A block that asks for the method `password` would keep everybody out.
#[test]
fn a_match_block_with_the_password_method_keeps_nobody_out() {
    pam_harness::require_real_host!("sshd", "sudo", "ssh-keygen");
    let site = site(DEBIAN).with_host_key();
    let key = "HostKey /etc/ssh/host_key\n";
    let block = "Match User bob\nAuthenticationMethods publickey,password\n";
    let text = format!("{key}{DEBIAN}{block}");
    site.host.write("/etc/ssh/sshd_config", &text);
    site.is_refused("Write keyboard-interactive in place of password");
}

/// The settings alone may be what waits. They are no part of another service's change.
#[test]
fn settings_alone_wait_for_a_login_whatever_else_is_disabled() {
    pam_harness::require_real_host!("sshd", "ssh", "ssh-keygen", "sudo");
    let site = site(DEBIAN).with_sshd();
    // Each program from now on is of a login of its own.
    site.host.session("USER=root\n");
    for confirmed in [true, false] {
        site.enable(&["sshd", "sudo", "--local", "localadmin"]);
        let patience = match confirmed {
            true => "60s",
            false => "6s",
        };
        site.enable_settings(&["--try", patience]);
        let (status, text) = site.run(&["disable", "sudo"]);
        assert_eq!(status, 0, "{text}");
        if confirmed {
            let (status, text) = site.run(&["confirm"]);
            let part = "authentik has accepted no login by sshd since the change";
            assert!(status == 1 && text.contains(part), "{text}");
            site.comes_to_ask(true);
            let mut ssh = site.host.ssh("alice").run(&["true"]);
            ssh.answer("assword:", PASSWORD);
            assert_eq!(ssh.finish().status, 0);
            let (status, text) = site.run(&["confirm"]);
            let part = "sshd: its settings are confirmed";
            assert!(status == 0 && text.contains(part), "{text}");
            let (status, text) = site.run(&["disable", "sshd"]);
            assert_eq!(status, 0, "{text}");
        }
        let begun = Instant::now();
        while site.host.read(DROP_IN).is_some() {
            assert!(begun.elapsed() < Duration::from_secs(30));
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    assert_ne!(
        site.stack(),
        site.before,
        "the block that was there before is gone"
    );
}
