//! The local way in: the accounts that `enable` accepts for it, and `login --local`.

use pam_harness::accounts::LOCAL_ADMIN_PASSWORD;

use crate::site::{STATE, Site};

const SETTINGS: &str = "HostKey /etc/ssh/host_key\nUsePAM yes\nKbdInteractiveAuthentication yes\nPermitRootLogin yes\n";

fn site() -> Site {
    let site = Site::new().with_host_key();
    site.host.write("/etc/ssh/sshd_config", SETTINGS);
    site
}

impl Site {
    /// `login --local` in a terminal.
    fn login(&self, name: &str, service: &str, password: &str) -> (i32, String) {
        let words = [
            self.command,
            "login",
            "--local",
            name,
            "--service",
            service,
            "--state-dir",
            STATE,
        ];
        let mut terminal = self.host.terminal("root", &words);
        if terminal.expect_or_end(&["assword:"]).is_some() {
            terminal.send_secret(password);
        }
        let ended = terminal.finish();
        (ended.status, ended.transcript)
    }

    /// The lines of the account files for `localadmin`.
    fn account(&self, shell: &str, shadow: &str) {
        let passwd = self.host.read("/etc/passwd").unwrap();
        let hash = passwd
            .lines()
            .find_map(|line| line.strip_prefix("root:"))
            .and_then(|line| line.split(':').next())
            .unwrap()
            .to_owned();
        let changed: String = passwd
            .lines()
            .map(|line| {
                let fields: Vec<&str> = line.split(':').collect();
                match fields[..] {
                    ["localadmin", _, uid, gid, ..] => {
                        format!("localadmin:x:{uid}:{gid}::/tmp:{shell}\n")
                    }
                    _ => format!("{line}\n"),
                }
            })
            .collect();
        self.host.write("/etc/passwd", &changed);
        let shadow = format!("localadmin:{}\n", shadow.replace("HASH", &hash));
        self.host.put("/etc/shadow", shadow.as_bytes(), 0o600, 0);
    }
}

const WELL: &str = "HASH:20000:0:99999:7:::";

/// Each reason why an account cannot log in, with the remedy.
#[test]
fn an_account_that_cannot_log_in_is_not_a_local_way_in() {
    pam_harness::require_real_host!("sshd", "sudo", "ssh-keygen");
    let site = site();
    let before = site.host.read("/etc/pam.d/sshd");
    let enable = ["enable", "sshd", "--dry-run", "--local", "localadmin"];
    for (shell, shadow, part) in [
        ("/bin/bash", WELL, ""),
        (
            "/bin/bash",
            "HASH:20000:0:99999:7::1:",
            "the account has expired (chage -E -1 localadmin)",
        ),
        (
            "/bin/bash",
            "HASH:0:0:99999:7:::",
            "its password must be changed at the next login",
        ),
        (
            "/bin/bash",
            "HASH:10000:0:30:7:::",
            "its password is too old",
        ),
        (
            "/bin/bash",
            "HASH:10000:0:30:7:1::",
            "its password has expired (passwd localadmin)",
        ),
        (
            "/usr/sbin/nologin",
            WELL,
            "its shell is /usr/sbin/nologin (usermod -s /bin/bash localadmin)",
        ),
        ("/bin/false", WELL, "its shell is /bin/false"),
        ("/bin/none", WELL, "its shell /bin/none is not there"),
        (
            "/bin/bash",
            "!HASH:20000:0:99999:7:::",
            "localadmin has no local password",
        ),
        (
            "/bin/bash",
            "*:20000:0:99999:7:::",
            "localadmin has no local password",
        ),
    ] {
        site.account(shell, shadow);
        let (status, text) = site.run(&enable);
        assert_eq!(status, i32::from(!part.is_empty()), "{shadow}: {text}");
        assert!(text.contains(part), "no {part:?} in the output: {text}");
    }
    site.account("/bin/bash", WELL);
    for (settings, more, part) in [
        (
            "PermitRootLogin prohibit-password",
            &[][..],
            "no local way in would remain by sshd (root: PermitRootLogin is without-password)",
        ),
        (
            "PermitRootLogin no",
            &["--local", "root"],
            "no local way in would remain by sshd (root: PermitRootLogin is no)",
        ),
        ("PermitRootLogin yes", &[], ""),
        (
            "DenyGroups localadmin",
            &["--local", "localadmin"],
            "DenyGroups",
        ),
        (
            "AllowGroups wheel",
            &["--local", "localadmin"],
            "AllowGroups",
        ),
        ("AllowGroups loc*", &["--local", "localadmin"], ""),
        ("PermitRootLogin no", &["--local", "localadmin"], ""),
    ] {
        site.host
            .write("/etc/ssh/sshd_config", &format!("{settings}\n{SETTINGS}"));
        let (status, text) = site.run(&[&["enable", "sshd", "--dry-run"], more].concat());
        assert_eq!(status, i32::from(!part.is_empty()), "{settings}: {text}");
        assert!(text.contains(part), "no {part:?} in the output: {text}");
    }
    assert_eq!(site.host.read("/etc/pam.d/sshd"), before);
}

/// Through the real libpam and the present stack. The proof counts for this stack only.
#[test]
fn a_local_password_is_tried_through_the_stack() {
    pam_harness::require_real_host!("sshd", "sudo", "ssh-keygen");
    let site = site();
    let enable = |names: &[&str]| {
        let mut words = vec!["sshd"];
        for name in names {
            words.extend(["--local", name]);
        }
        site.enable(&words)
    };
    let text = enable(&["localadmin"]);
    let not_yet = "sshd: not proved: whether localadmin gets in with the local password. Try it: authentik-flow login --local localadmin --service sshd";
    assert!(text.contains(not_yet), "{text}");
    let (status, text) = site.login("localadmin", "sshd", "wrong");
    assert_eq!(status, 1, "{text}");
    assert!(
        text.contains("Not proved: the auth lines of sshd refuse localadmin: PAM_AUTH_ERR"),
        "{text}"
    );
    assert!(enable(&[]).contains(not_yet));

    let (status, text) = site.login("localadmin", "sshd", LOCAL_ADMIN_PASSWORD);
    assert_eq!(status, 0, "{text}");
    assert!(
        text.contains("Proved: localadmin gets in by sshd with the local password"),
        "{text}"
    );
    let proved = "sshd: proved by login --local: localadmin gets in.";
    assert!(enable(&[]).contains(proved));
    // What it includes is a part of the stack.
    let included = site.host.read("/etc/pam.d/common-account").unwrap();
    let changed = format!("account required pam_deny.so\n{included}");
    site.host.stack("common-account", &changed);
    assert!(enable(&[]).contains(not_yet));
    site.host.stack("common-account", &included);
    assert!(enable(&[]).contains(proved));
    // authentik would be asked about them.
    for name in ["alice", "operator"] {
        let (status, text) = site.login(name, "sshd", LOCAL_ADMIN_PASSWORD);
        assert_eq!(status, 1, "{text}");
        let next = format!("authentik-flow enable sshd --local localadmin --local {name}");
        assert!(text.contains(&next), "{text}");
    }
    let (status, text) = site.login("nosuch", "sshd", "x");
    assert!(status == 1 && text.contains("no such account"), "{text}");
    // The stack has changed, so nothing is proved.
    let text = enable(&["localadmin", "operator"]);
    assert!(text.contains(not_yet) && !text.contains(proved), "{text}");

    // The account lines count, too.
    site.account("/bin/bash", "HASH:20000:0:99999:7::1:");
    let (status, text) = site.login("localadmin", "sshd", LOCAL_ADMIN_PASSWORD);
    assert_eq!(status, 1, "{text}");
    assert!(
        text.contains("the account lines of sshd refuse localadmin: PAM_"),
        "{text}"
    );
    let output = site
        .host
        .output("alice", &[site.command, "login", "--local", "localadmin"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("run this as root"), "{text}");
}

/// authentik's answer proves nothing about the local password.
#[test]
fn a_login_that_authentik_may_have_accepted_proves_no_local_password() {
    pam_harness::require_real_host!("sshd", "sudo", "ssh-keygen");
    let site = site();
    let before = site.host.read("/etc/pam.d/sudo").unwrap();
    let module = "auth sufficient pam_authentik_flow.so\n";
    site.host.stack("sudo", &format!("{module}{before}"));
    let (status, text) = site.login("alice", "sudo", crate::bench::PASSWORD);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("Not proved: alice gets in by sudo"), "{text}");
    // Without the module, it is the local password.
    site.host.stack("sudo", &before);
    let (status, text) = site.login("localadmin", "sudo", LOCAL_ADMIN_PASSWORD);
    assert_eq!(status, 0, "{text}");
}
