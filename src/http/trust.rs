//! Which certificates are trusted: the file that the configuration names, or else the
//! distribution's bundle at one of its fixed places. The environment is never asked:
//! `SSL_CERT_FILE` belongs to the caller of sudo.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use ureq::tls::{PemItem, PrivateKey, parse_pem};

use super::bundle::Bundle;
use super::provider::provider;
use super::tls::Identity;
use crate::config::{AbsolutePath, ClientFiles, Config, ConfigError, Place};
use crate::host::{FileKind, read_public_file, read_trusted_file};
use crate::text;

/// Where the distributions keep their bundles: Debian, Alpine and Arch; Fedora and RHEL;
/// openSUSE; older RHEL.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
];

/// The root certificates that a server's certificate must lead to.
#[derive(Debug)]
pub struct TrustedRoots(pub(super) Roots);

/// How the roots are stored.
#[derive(Debug)]
pub(super) enum Roots {
    /// All roots, parsed.
    Parsed(RootCertStore),
    /// A bundle. A root is parsed when a server needs it.
    Bundle(Bundle),
}

impl TrustedRoots {
    /// Reads the certificates from the configuration's `ca_file`, or else from the
    /// distribution's bundle.
    ///
    /// # Errors
    /// If others could have written the file, or it holds no certificate.
    pub fn read(ca_file: Option<&AbsolutePath>) -> Result<Self, ConfigError> {
        let path = roots_file(ca_file)?;
        Self::from_pem(path, read_public(path)?)
    }

    /// Takes the certificates from the contents of the file at `path`.
    ///
    /// # Errors
    /// If the file is not PEM, or no certificate in it can be used.
    pub fn from_pem(path: &Path, pem: Vec<u8>) -> Result<Self, ConfigError> {
        match Bundle::new(path, pem) {
            Ok(bundle) => Ok(Self(Roots::Bundle(bundle))),
            Err(pem) => parse_roots(path, &pem).map(|roots| Self(Roots::Parsed(roots))),
        }
    }
}

/// The file that holds the certificates to trust.
fn roots_file(ca_file: Option<&AbsolutePath>) -> Result<&Path, ConfigError> {
    if let Some(ca_file) = ca_file {
        return Ok(ca_file.as_path());
    }
    let bundle = BUNDLES.iter().map(Path::new).find(|path| path.exists());
    bundle.ok_or_else(|| ConfigError::new(
        Place::File(BUNDLES.first().copied().unwrap_or_default().into()),
        "there is no bundle of certificates; install ca-certificates, or name the server's CA with ca_file",
    ))
}

/// Parses all trusted certificates, needed or not, for `authentik-flow check`.
///
/// # Errors
/// As [`TrustedRoots::read`], and if a certificate in a bundle is damaged.
pub fn trusted_roots(config: &Config) -> Result<RootCertStore, ConfigError> {
    let path = roots_file(config.ca_file.as_ref())?;
    parse_roots(path, &read_public(path)?)
}

/// The client certificate and key, for a proxy in front of authentik that asks for one.
///
/// # Errors
/// As [`trusted_certificates`], and if others can read the key, or it is a link.
pub(super) fn client_certificate(files: &ClientFiles) -> Result<Identity, ConfigError> {
    let path = files.certificate.as_path();
    let mut chain = Vec::new();
    parse_certificates(path, &read_public(path)?, |certificate| {
        chain.push(certificate.into_owned());
        true
    })?;
    let path = files.key.as_path();
    let wrong = |problem: &str| ConfigError::new(Place::File(path.to_owned()), problem);
    let pem = read_trusted_file(path, FileKind::Secret)
        .map_err(|fault| ConfigError::file(path, &fault))?;
    let key = PrivateKey::from_pem(&pem)
        .map_err(|_| wrong("holds no private key in PEM form without a passphrase"))?;
    let der = PrivateKeyDer::try_from(key.der())
        .map_err(|_| wrong("holds a private key of an unknown form"))?;
    // This happens while a renewal is half done, so the message names the file.
    CertifiedKey::from_der(chain.clone(), der.clone_key(), &provider()).map_err(|error| {
        let reason = text::one_line(&error.to_string(), 120);
        wrong(&format!(
            "does not fit client_cert, or is of a kind that cannot be used: {reason}"
        ))
    })?;
    Ok((chain, der.clone_key()))
}

fn read_public(path: &Path) -> Result<Vec<u8>, ConfigError> {
    read_public_file(path).map_err(|fault| ConfigError::file(path, &fault))
}

/// Parses each certificate in `pem`, the contents of `path`.
///
/// # Errors
/// If the text is not PEM, or no certificate in it can be used.
pub(super) fn parse_roots(path: &Path, pem: &[u8]) -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    // Some certificates of a bundle may be of a kind that webpki cannot use.
    parse_certificates(path, pem, |certificate| roots.add(certificate).is_ok())?;
    Ok(roots)
}

/// Calls `take` for each certificate in `pem`. It returns whether it can use it.
///
/// # Errors
/// As [`parse_roots`].
fn parse_certificates(
    path: &Path,
    pem: &[u8],
    mut take: impl FnMut(CertificateDer<'_>) -> bool,
) -> Result<(), ConfigError> {
    let wrong = |problem: &str| ConfigError::new(Place::File(path.to_owned()), problem);
    let mut usable = 0_usize;
    for item in parse_pem(pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => {
                if take(CertificateDer::from_slice(certificate.der())) {
                    usable = usable.saturating_add(1);
                }
            }
            Ok(_) => {}
            Err(_) => {
                return Err(wrong(
                    "is not PEM; a certificate begins with -----BEGIN CERTIFICATE-----",
                ));
            }
        }
    }
    if usable == 0 {
        return Err(wrong(
            "holds no certificate that can be used; PEM begins with -----BEGIN CERTIFICATE-----",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A self-signed certificate of this test alone.
    const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBgDCCASWgAwIBAgIUBLZF/Z0kMv30ExpxdOwrjVxH7TYwCgYIKoZIzj0EAwIw\n\
FDESMBAGA1UEAwwJdW5pdCB0ZXN0MCAXDTI2MTEyODAyMjIwOVoYDzIxMjYxMTA0\n\
MDIyMjA5WjAUMRIwEAYDVQQDDAl1bml0IHRlc3QwWTATBgcqhkjOPQIBBggqhkjO\n\
PQMBBwNCAATg6Sxxz37HgJHWeUAMJFSObhWm1PoifhUVXnuSi7ATKTGVtuGr/2DP\n\
fYmNyISZbpsFFgBTtgB/U6tD4pZZNP/So1MwUTAdBgNVHQ4EFgQUoMO4KU7qy6WW\n\
HXU2LDXIiOVxlgMwHwYDVR0jBBgwFoAUoMO4KU7qy6WWHXU2LDXIiOVxlgMwDwYD\n\
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEAgyUDDAY6ZJNeXeKI2NmT\n\
VW6mw+fYwjEEPDijMdrxh2kCIQDwQumpxEOS4CqrerUobesLZunN7a0gKLoxbnBE\n\
hgYGog==\n\
-----END CERTIFICATE-----\n\
";

    #[test]
    fn a_file_without_a_usable_certificate_is_refused() {
        let path = Path::new("/ca.pem");
        let parse = |pem: &str| parse_roots(path, pem.as_bytes());
        let roots = parse(&format!("# a comment\n{CERTIFICATE}"))
            .expect("a file with one certificate is refused");
        assert_eq!(roots.len(), 1);

        // Valid PEM that contains no certificate.
        let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(
            parse(&format!("{damaged}{CERTIFICATE}"))
                .expect("a file with one good certificate of two is refused")
                .len(),
            1
        );
        for pem in ["", "no PEM at all", damaged] {
            let error = parse(pem).expect_err(pem).to_string();
            assert!(error.contains("no certificate that can be used"), "{error}");
        }
        let cut = CERTIFICATE.replace("-----END CERTIFICATE-----", "");
        let error = parse(&cut)
            .expect_err("a certificate without its END line is accepted")
            .to_string();
        assert!(error.contains("is not PEM"), "{error}");
    }
}
