//! Whose certificates are trusted: what the configuration names, or else the
//! distribution's bundle at one of its fixed places. Never the environment:
//! `SSL_CERT_FILE` belongs to whoever called sudo.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, parse_pem};

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
) -> Result<Vec<Certificate<'static>>, ConfigError> {
    if let Some(ca_file) = ca_file {
        return read_certificates(ca_file.as_path());
    }
    let bundle = BUNDLES.iter().map(Path::new).find(|path| path.exists());
    match bundle {
        Some(bundle) => read_certificates(bundle),
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
    let certificates = trusted_certificates(config.ca_file.as_ref())?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(
        certificates
            .iter()
            .map(|certificate| CertificateDer::from_slice(certificate.der())),
    );
    Ok(roots)
}

/// The certificate and key to show to a proxy in front of authentik.
///
/// # Errors
/// As [`trusted_certificates`]; a key that others can read, or that is a link.
pub(super) fn client_certificate(files: &ClientFiles) -> Result<ClientCert, ConfigError> {
    let chain = read_certificates(files.certificate.as_path())?;
    let path = files.key.as_path();
    let wrong = |problem: &str| ConfigError::new(Place::File(path.to_owned()), problem);
    let pem = read_trusted_file(path, FileKind::Secret)
        .map_err(|fault| ConfigError::file(path, &fault))?;
    let key = PrivateKey::from_pem(&pem)
        .map_err(|_| wrong("holds no private key in PEM form without a passphrase"))?;
    // ureq takes for granted that the two fit; a renewal that is half done must
    // not become a panic.
    let der = PrivateKeyDer::try_from(key.der())
        .map_err(|_| wrong("holds a private key of an unknown form"))?;
    let certificates = chain
        .iter()
        .map(|certificate| CertificateDer::from_slice(certificate.der()).into_owned());
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(certificates.collect(), der.clone_key(), &provider).map_err(
        |error| {
            let reason = text::one_line(&error.to_string(), 120);
            wrong(&format!(
                "does not fit client_cert, or is of a kind that cannot be used: {reason}"
            ))
        },
    )?;
    Ok(ClientCert::new_with_certs(&chain, key))
}

fn read_certificates(path: &Path) -> Result<Vec<Certificate<'static>>, ConfigError> {
    let wrong = |problem: &str| ConfigError::new(Place::File(path.to_owned()), problem);
    let pem = read_trusted_file(path, FileKind::Certificates)
        .map_err(|fault| ConfigError::file(path, &fault))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_) => {}
            Err(_) => {
                return Err(wrong(
                    "is not PEM; a certificate begins with -----BEGIN CERTIFICATE-----",
                ));
            }
        }
    }
    let ders = certificates
        .iter()
        .map(|certificate| CertificateDer::from_slice(certificate.der()));
    let (usable, _) = RootCertStore::empty().add_parsable_certificates(ders);
    if usable == 0 {
        return Err(wrong(
            "holds no certificate that can be used; PEM begins with -----BEGIN CERTIFICATE-----",
        ));
    }
    Ok(certificates)
}
