//! Accounts from authentik's LDAP outpost. slapd replaces it, with entries like those of an
//! outpost: the user's name is in `cn`, a hash in `uid`, and each user has their own group.

use crate::bench::{Bench, LOCAL, PASSWORD, require_debian, require_packages};
use crate::directory::{Directory, account, root, start_sssd};
use crate::recipe::Recipe;
use std::fmt::Write;

const BASE: &str = "dc=ldap,dc=goauthentik,dc=io";
const SERVICE_PASSWORD: &str = "outpost-secret-1";

/// The entries: `xenia` with the number that an outpost would give her, `xaver` with a number
/// that an administrator set.
fn entries() -> String {
    let mut text = format!("dn: {BASE}\nobjectClass: domain\ndc: ldap\n\n");
    // Writing to a String does not fail.
    for unit in ["users", "groups", "virtual-groups"] {
        let _ = writeln!(
            text,
            "dn: ou={unit},{BASE}\nobjectClass: organizationalUnit\nou: {unit}\n"
        );
    }
    for (name, number) in [("xenia", 20107), ("xaver", 0), ("linux-hosts-ldap", 19999)] {
        let _ = writeln!(
            text,
            "dn: cn={name},ou=users,{BASE}\nobjectClass: top\nobjectClass: person\n\
             objectClass: organizationalPerson\nobjectClass: inetOrgPerson\nobjectClass: user\n\
             objectClass: posixAccount\nak-active: TRUE\ncn: {name}\nsAMAccountName: {name}\n\
             uid: 5f2a{number}c0ffee\nname: {name}\ndisplayName: {name}\nsn: {name}\n\
             uidNumber: {number}\ngidNumber: {number}\nhomeDirectory: /home/{name}\n\
             memberOf: cn=linux-users,ou=groups,{BASE}"
        );
        if name == "linux-hosts-ldap" {
            let _ = writeln!(text, "userPassword: {SERVICE_PASSWORD}");
        }
        let group = |name: &str, place: &str, number: u32, member: &str| {
            format!(
                "\ndn: cn={name},ou={place},{BASE}\nobjectClass: groupOfNames\n\
                 objectClass: group\nobjectClass: posixGroup\ncn: {name}\ngidNumber: {number}\n\
                 member: cn={member},ou=users,{BASE}\n\n"
            )
        };
        text.push_str(&group(name, "virtual-groups", number, name));
        if name == "xenia" {
            text.push_str(&group("linux-users", "groups", 116_575, name));
        }
    }
    text
}

#[test]
fn accounts_from_the_outpost() {
    require_debian!("sshd", "ssh");
    let packages = require_packages!("sssd", "slapd");
    let recipe = Recipe::read("Accounts from authentik's LDAP outpost");
    let bench = Bench::new(recipe, |host| host.packages(&packages));
    bench.install_common_part();
    let outpost = Directory::start(&bench, BASE, "users", &entries());
    let [address, authority] = outpost.names("ldaps://authentik.example.com");
    let secret = ("the password of linux-hosts-ldap", SERVICE_PASSWORD);
    bench.install_from(bench.recipe(), &[address, authority, secret]);
    let host = &bench.host;
    start_sssd(host);

    let known = account(host, "xenia");
    assert_eq!(known, "xenia:*:20107:20107:xenia:/home/xenia:/bin/bash");
    let groups = root(host, "id xenia");
    assert!(groups.contains("(linux-users)"), "{groups}");
    assert_eq!(
        account(host, "xaver"),
        "",
        "a user with the uid of another person has an account"
    );
    assert_eq!(account(host, "linux-hosts-ldap"), "");
    assert_eq!(
        host.read("/home/xenia/.profile"),
        None,
        "the home exists before the first login"
    );
    bench.lets_in("xenia, her first login", bench.ssh("xenia"), &[PASSWORD]);
    let home = root(host, "stat -c '%U:%G %a' /home/xenia; ls -A /home/xenia");
    assert!(home.starts_with("xenia:xenia 700\n"), "{home}");
    assert!(home.contains(".profile"), "{home}");
    bench.lets_in("xenia, again", bench.ssh("xenia"), &[PASSWORD]);
    let unknown = "PAM_USER_UNKNOWN";
    bench.refuses(
        "xaver, whose number is 0",
        bench.ssh("xaver"),
        &[PASSWORD],
        unknown,
    );
    bench.keeps_out("xenia, a wrong password", bench.ssh("xenia"), &["wrong"]);

    bench.authentik_goes_down();
    outpost.stop();
    assert_eq!(
        account(host, "xenia"),
        known,
        "SSSD does not know the account without the outpost"
    );
    let down = "PAM_AUTHINFO_UNAVAIL";
    bench.refuses("xenia", bench.ssh("xenia"), &[PASSWORD], down);
    bench.lets_in("localadmin", bench.ssh("localadmin"), &[LOCAL]);
    bench.lets_in("root, by a key", bench.ssh_with_key("root"), &[]);
}
