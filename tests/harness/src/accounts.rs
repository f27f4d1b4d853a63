//! The accounts of the private `/etc/passwd` that tests run with.

use nix::unistd::{Gid, Group, Uid, User};
use std::fmt::Write;

/// An account that tests know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The login name.
    pub name: String,
    /// The user ID; the primary group has the same number and name.
    pub uid: u32,
    /// The second field of its line: `*` for no local password, or a hash.
    pub password: String,
}

impl Account {
    /// An account without a local password.
    pub fn new(name: impl Into<String>, uid: u32) -> Account {
        Account {
            name: name.into(),
            uid,
            password: String::from("*"),
        }
    }
}

/// `localadmin`'s password, the only one that `pam_unix` knows here.
pub const LOCAL_ADMIN_PASSWORD: &str = "local-secret";

const LOCAL_ADMIN_HASH: &str = "$6$harness$NXxFE5XdbPsE10Bkn4fvKCJfEYFjpCUjuGp48UeAs18bXDvRXJLWf5VZ8ahvBtLnfaJ0b.QzyKJvJkZgbMLpa.";

/// The people of the tests, in the order of their user IDs from 2001 on.
pub const PEOPLE: [&str; 15] = [
    "alice", "bob", "carol", "dave", "erin", "frank", "gina", "ivan", "duke", "hank", "spacey",
    "mallory", "robot", "eve", "zoe",
];

/// The accounts of every test: [`PEOPLE`], `localadmin` (2100) with [`LOCAL_ADMIN_PASSWORD`],
/// root, daemon, sshd, nobody, and the user who runs the test, if none of these has that user
/// ID.
pub fn standard() -> Vec<Account> {
    let mut accounts = vec![
        Account::new("root", 0),
        Account::new("daemon", 1),
        Account::new("sshd", 102),
    ];
    for (uid, name) in (2001..).zip(PEOPLE) {
        accounts.push(Account::new(name, uid));
    }
    accounts.push(Account {
        password: String::from(LOCAL_ADMIN_HASH),
        ..Account::new("localadmin", 2100)
    });
    // Names that differ from authentik's only in case.
    accounts.push(Account::new("Bob", 2101));
    accounts.push(Account::new("Lars", 2102));
    accounts.push(Account::new("nobody", 65534));
    accounts
}

/// The text of a passwd file.
pub(crate) fn passwd(accounts: &[Account]) -> String {
    let mut text = String::new();
    for account in accounts {
        let Account {
            name,
            uid,
            password,
        } = account;
        let home = match uid {
            0 => String::from("/root"),
            1..1000 | 65534 => String::from("/nonexistent"),
            _ => format!("/home/{name}"),
        };
        let shell = match uid {
            1..1000 | 65534 if password == "*" => "/usr/sbin/nologin",
            _ => "/bin/sh",
        };
        // Writing to a String does not fail.
        let _ = writeln!(text, "{name}:{password}:{uid}:{uid}:{name}:{home}:{shell}");
    }
    let me = Uid::current();
    if accounts.iter().all(|account| account.uid != me.as_raw()) {
        let name = User::from_uid(me)
            .ok()
            .flatten()
            .map_or_else(|| String::from("tester"), |user| user.name);
        let gid = Gid::current();
        let _ = writeln!(text, "{name}:*:{me}:{gid}:{name}:/nonexistent:/bin/sh");
    }
    text
}

/// The text of a group file: a group for each account, and the machine's own `shadow`, `tty`
/// and `nogroup`.
pub(crate) fn group(accounts: &[Account]) -> String {
    let mut text = String::new();
    for account in accounts {
        let _ = writeln!(text, "{}:x:{}:", account.name, account.uid);
    }
    for name in ["shadow", "tty"] {
        if let Ok(Some(group)) = Group::from_name(name) {
            let _ = writeln!(text, "{name}:x:{}:", group.gid);
        }
    }
    text
}

/// The text of an `nsswitch.conf` that uses only files.
pub(crate) const NSSWITCH: &str = "\
passwd: files
group: files
shadow: files
hosts: files dns
services: files
protocols: files
";
