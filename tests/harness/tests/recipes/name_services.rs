//! Accounts that are not in `/etc/passwd`.

use crate::bench::{Bench, LOCAL, PASSWORD, require_debian, require_packages};
use crate::directory::{Directory, account, root, start_sssd};
use crate::recipe::Recipe;

/// `xenia` and `xaver`, and one with root's uid.
const ENTRIES: &str = "\
dn: dc=example,dc=com
objectClass: domain
dc: example

dn: uid=xenia,dc=example,dc=com
objectClass: inetOrgPerson
objectClass: posixAccount
uid: xenia
cn: Xenia Example
sn: Example
uidNumber: 30001
gidNumber: 30100
homeDirectory: /home/xenia
loginShell: /bin/bash

dn: uid=xaver,dc=example,dc=com
objectClass: inetOrgPerson
objectClass: posixAccount
uid: xaver
cn: Xaver Example
sn: Example
uidNumber: 30002
gidNumber: 30100
homeDirectory: /home/xaver
loginShell: /bin/bash

dn: uid=toor,dc=example,dc=com
objectClass: inetOrgPerson
objectClass: posixAccount
uid: toor
cn: Toor
sn: Toor
uidNumber: 0
gidNumber: 0
homeDirectory: /home/toor

dn: cn=staff,dc=example,dc=com
objectClass: organizationalRole
objectClass: posixGroup
cn: staff
gidNumber: 30100
memberUid: xenia
";

const DENIED: &str = "PAM_PERM_DENIED";
const DOWN: &str = "PAM_AUTHINFO_UNAVAIL";
const UNKNOWN: &str = "PAM_USER_UNKNOWN";

#[test]
fn sssd() {
    require_debian!("sshd", "ssh");
    let packages = require_packages!("sssd", "slapd");
    let recipe = Recipe::read("Accounts from SSSD or another name service");
    let bench = Bench::new(recipe, |host| host.packages(&packages));
    bench.install_common_part();
    let directory = Directory::start(&bench, "dc=example,dc=com", "anonymous", ENTRIES);
    bench.install_from(bench.recipe(), &directory.names("ldaps://ldap.example.com"));
    let host = &bench.host;
    start_sssd(host);

    let known = account(host, "xenia");
    assert!(known.contains(":30001:30100:"), "{known:?}");
    assert_eq!(account(host, "toor"), "", "an account below min_id");
    bench.lets_in("xenia, of the directory", bench.ssh("xenia"), &[PASSWORD]);
    let home = root(host, "stat -c '%U:%G %a' /home/xenia; ls -A /home/xenia");
    assert!(home.starts_with("xenia:staff 700\n"), "{home}");
    assert!(home.contains(".profile"), "{home}");
    bench.lets_in("alice, of /etc/passwd", bench.ssh("alice"), &[PASSWORD]);
    bench.keeps_out("xenia, a wrong password", bench.ssh("xenia"), &["wrong"]);
    bench.refuses(
        "xaver, in no group",
        bench.ssh("xaver"),
        &[PASSWORD],
        DENIED,
    );
    bench.refuses("judy, no account", bench.ssh("judy"), &[PASSWORD], UNKNOWN);
    directory.stop();
    bench.lets_in("xenia, the directory down", bench.ssh("xenia"), &[PASSWORD]);
    bench.lets_in("localadmin, the same", bench.ssh("localadmin"), &[LOCAL]);

    bench.authentik_goes_down();
    bench.refuses("xenia", bench.ssh("xenia"), &[PASSWORD], DOWN);
    bench.lets_in("localadmin", bench.ssh("localadmin"), &[LOCAL]);
    bench.lets_in("root, by a key", bench.ssh_with_key("root"), &[]);
}

#[test]
fn another_name_service() {
    require_debian!("sshd", "ssh");
    let packages = require_packages!("libnss_extrausers.so.2");
    let bench = Bench::new(Recipe::read("Another name service"), |host| {
        host.packages(&packages)
            .file(
                "/var/lib/extrausers/passwd",
                "xenia:x:30001:30001:Xenia:/home/xenia:/bin/sh\n\
                 xaver:x:30002:30002:Xaver:/home/xaver:/bin/sh\n",
                0o644,
            )
            .file("/var/lib/extrausers/group", "xenia:x:30001:\n", 0o644)
            .file(
                "/var/lib/extrausers/shadow",
                "xenia:*:20000::::::\nxaver:*:20000::::::\n",
                0o640,
            )
    });
    bench.install_common_part();
    bench.refuses("xenia, not yet", bench.ssh("xenia"), &[PASSWORD], UNKNOWN);
    bench.install();
    bench.lets_in("xenia, of extrausers", bench.ssh("xenia"), &[PASSWORD]);
    bench.lets_in("alice, of /etc/passwd", bench.ssh("alice"), &[PASSWORD]);
    bench.refuses(
        "xaver, in no group",
        bench.ssh("xaver"),
        &[PASSWORD],
        DENIED,
    );

    bench.authentik_goes_down();
    bench.refuses("xenia", bench.ssh("xenia"), &[PASSWORD], DOWN);
    bench.lets_in("localadmin", bench.ssh("localadmin"), &[LOCAL]);
}
