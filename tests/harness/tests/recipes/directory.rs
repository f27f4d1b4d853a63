//! A directory: the real slapd on loopback, with TLS from the authority that the host trusts.

use crate::bench::{Bench, CA};
use pam_harness::host::RealHost;
use std::net::{Ipv4Addr, TcpListener};

/// The classes and attributes that Debian's schema files lack, or define in such a way that a
/// group cannot be both a POSIX group and a group of names, as authentik's are.
const SCHEMA: &str = "\
attributetype ( 1.3.6.1.1.1.1.3 NAME 'homeDirectory' EQUALITY caseExactIA5Match
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 SINGLE-VALUE )
attributetype ( 1.3.6.1.1.1.1.4 NAME 'loginShell' EQUALITY caseExactIA5Match
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 SINGLE-VALUE )
attributetype ( 1.3.6.1.1.1.1.12 NAME 'memberUid' EQUALITY caseExactIA5Match
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )
attributetype ( 1.3.6.1.4.1.4203.666.1.901 NAME 'ak-active' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.4203.666.1.902 NAME 'memberOf' EQUALITY distinguishedNameMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.12 )
attributetype ( 1.3.6.1.4.1.4203.666.1.903 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectclass ( 1.3.6.1.1.1.2.0 NAME 'posixAccount' SUP top AUXILIARY
  MUST ( cn $ uid $ uidNumber $ gidNumber $ homeDirectory )
  MAY ( userPassword $ loginShell $ description ) )
objectclass ( 1.3.6.1.1.1.2.2 NAME 'posixGroup' SUP top AUXILIARY
  MUST gidNumber MAY ( memberUid $ description ) )
objectclass ( 1.3.6.1.4.1.4203.666.2.901 NAME 'user' SUP top AUXILIARY
  MAY ( ak-active $ memberOf $ sAMAccountName $ name ) )
objectclass ( 1.3.6.1.4.1.4203.666.2.902 NAME 'group' SUP top AUXILIARY
  MAY ( memberOf $ sAMAccountName $ uid ) )
";

/// A directory server on a host.
pub(crate) struct Directory<'a> {
    host: &'a RealHost,
    uri: String,
}

impl<'a> Directory<'a> {
    /// Starts it with these entries, which `readers` may read: `users` or `anonymous`.
    #[track_caller]
    pub(crate) fn start(
        bench: &'a Bench,
        suffix: &str,
        readers: &str,
        entries: &str,
    ) -> Directory<'a> {
        let host = &bench.host;
        let (certificate, key) = bench.double.server_identity();
        host.put("/etc/ldap/server.pem", certificate.as_bytes(), 0o644, 0);
        host.put("/etc/ldap/server.key", key.as_bytes(), 0o600, 0);
        host.write("/etc/ldap/schema/accounts.schema", SCHEMA);
        host.write("/etc/ldap/entries.ldif", entries);
        host.write(
            "/etc/ldap/slapd.conf",
            &format!(
                "include /etc/ldap/schema/core.schema\n\
                 include /etc/ldap/schema/cosine.schema\n\
                 include /etc/ldap/schema/inetorgperson.schema\n\
                 include /etc/ldap/schema/accounts.schema\n\
                 pidfile /run/slapd.pid\n\
                 TLSCACertificateFile {CA}\n\
                 TLSCertificateFile /etc/ldap/server.pem\n\
                 TLSCertificateKeyFile /etc/ldap/server.key\n\
                 access to attrs=userPassword by anonymous auth\n\
                 access to * by {readers} read by anonymous auth\n\
                 database ldif\n\
                 suffix \"{suffix}\"\n\
                 directory /run/ldap\n"
            ),
        );
        root(
            host,
            "mkdir /run/ldap && slapadd -f /etc/ldap/slapd.conf -l /etc/ldap/entries.ldif",
        );
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .map_or(0, |address| address.port());
        let listen = format!("slapd -f /etc/ldap/slapd.conf -h ldaps://127.0.0.1:{port}");
        root(host, &listen);
        Directory {
            host,
            uri: format!("ldaps://localhost:{port}"),
        }
    }

    /// Replaces the address of the example by its own, and sets the authority of its
    /// certificate.
    pub(crate) fn names<'b>(&'b self, example: &'b str) -> [(&'b str, &'b str); 2] {
        [
            (example, &self.uri),
            ("/etc/ssl/certs/ca-certificates.crt", CA),
        ]
    }

    /// Stops it.
    #[track_caller]
    pub(crate) fn stop(self) {
        root(self.host, "kill $(cat /run/slapd.pid)");
    }
}

/// Starts SSSD.
#[track_caller]
pub(crate) fn start_sssd(host: &RealHost) {
    root(host, "mkdir -p /var/log/sssd && sssd -D --logger=files");
}

/// The name services' answer for an account; `None` if it does not exist.
pub(crate) fn account(host: &RealHost, name: &str) -> String {
    let output = host.output("root", &["getent", "passwd", name]);
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Runs commands as the host's root. Returns their output.
#[track_caller]
pub(crate) fn root(host: &RealHost, commands: &str) -> String {
    let output = host.output("root", &["sh", "-ec", commands]);
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    assert!(output.status.success(), "{commands}: {printed}");
    printed
}
