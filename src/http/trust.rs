//! Whose certificates are trusted: what the configuration names, or else the
//! distribution's bundle at one of its fixed places. Never the environment:
//! `SSL_CERT_FILE` belongs to whoever called sudo.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use ureq::tls::{PemItem, PrivateKey, parse_pem};

use super::tls::Identity;
use crate::config::{AbsolutePath, ClientFiles, Config, ConfigError, Place};
use crate::host::{FileKind, read_trusted_file};
use crate::text;

/// Where the distributions keep their bundles: Debian, Alpine and Arch; Fedora
/// and RHEL; openSUSE; older RHEL.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
];

/// The certificates to trust.
///
/// # Errors
/// A file that others could have written, or that holds no certificate.
pub(super) fn trusted_certificates(
    ca_file: Option<&AbsolutePath>,
) -> Result<RootCertStore, ConfigError> {
    if let Some(ca_file) = ca_file {
        return read_roots(ca_file.as_path());
    }
    let bundle = BUNDLES.iter().map(Path::new).find(|path| path.exists());
    match bundle {
        Some(bundle) => read_roots(bundle),
        None => Err(ConfigError::new(
            Place::File(BUNDLES.first().copied().unwrap_or_default().into()),
            "there is no bundle of certificates; install ca-certificates, or name the server's CA with ca_file",
        )),
    }
}

/// The same, as what a certificate is checked against: for who looks at the
/// server's more closely than a login does.
///
/// # Errors
/// A file that others could have written, or that holds no certificate.
pub fn trusted_roots(config: &Config) -> Result<RootCertStore, ConfigError> {
    trusted_certificates(config.ca_file.as_ref())
}

/// The certificate and key to show to a proxy in front of authentik.
///
/// # Errors
/// As [`trusted_certificates`]; a key that others can read, or that is a link.
pub(super) fn client_certificate(files: &ClientFiles) -> Result<Identity, ConfigError> {
    let path = files.certificate.as_path();
    let mut chain = Vec::new();
    read_certificates(path, |certificate| {
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
    // A renewal that is half done: the file is to be named.
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(chain.clone(), der.clone_key(), &provider).map_err(|error| {
        let reason = text::one_line(&error.to_string(), 120);
        wrong(&format!(
            "does not fit client_cert, or is of a kind that cannot be used: {reason}"
        ))
    })?;
    Ok((chain, der.clone_key()))
}

fn read_roots(path: &Path) -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    // A bundle may hold what webpki cannot use beside what it can.
    read_certificates(path, |certificate| roots.add(certificate).is_ok())?;
    Ok(roots)
}

/// Hands each certificate of a file to `take`, which tells whether it can be used.
///
/// # Errors
/// A file that is not trusted or not PEM, or of which no certificate can be used.
fn read_certificates(
    path: &Path,
    mut take: impl FnMut(CertificateDer<'_>) -> bool,
) -> Result<(), ConfigError> {
    let wrong = |problem: &str| ConfigError::new(Place::File(path.to_owned()), problem);
    let pem = read_trusted_file(path, FileKind::Certificates)
        .map_err(|fault| ConfigError::file(path, &fault))?;
    let mut usable = 0_usize;
    for item in parse_pem(&pem) {
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
