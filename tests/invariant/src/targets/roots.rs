//! The roots that a server needs, compared with a client that parses every root.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pam_authentik_flow::http::{ServerVerifier, TrustedRoots, provider};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{Error, RootCertStore};

/// Separates the file of roots from the server's certificates.
pub const SEPARATOR: &[u8] = b"\n=====\n";

/// The name of the server in the seeds.
pub const NAME: &str = "localhost";

/// The verdict on one chain, by the module and by a client that parses every root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The chain is accepted.
    Accepted,
    /// It is refused.
    Refused,
    /// The file is refused.
    BadFile,
    /// The file is damaged where the chain does not need it, and the chain is accepted.
    AcceptedDespiteDamage,
    /// The file is damaged, and the chain, which may need the damaged part, is not accepted.
    RefusedForDamage,
}

/// A file of roots, and the certificates from a server.
///
/// # Panics
/// If the module's verdict differs from that of a client that parses every root.
pub fn roots(bytes: &[u8]) {
    let at = bytes
        .windows(SEPARATOR.len())
        .position(|window| window == SEPARATOR);
    let (file, sent) = match at {
        Some(at) => (&bytes[..at], &bytes[at + SEPARATOR.len()..]),
        None => (bytes, bytes),
    };
    let sent: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(sent)
        .flatten()
        .take(16)
        .collect();
    if sent.is_empty() {
        let _ = TrustedRoots::from_pem(Path::new("/roots.pem"), file.to_vec());
        return;
    }
    let name = ServerName::try_from(NAME).expect("a name");
    let now = UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000));
    same_verdict(file, &sent, &name, now);
}

/// Compares the verdicts of the module and of a client that parses every root of `file` on the
/// same chain.
///
/// # Panics
/// If they differ, in the verdict or in its text. One difference is intended: a damaged
/// certificate that the chain does not need. Then the file without the damaged part counts. If
/// that is not enough, the error names the file, and never the server's certificate.
pub fn same_verdict(
    file: &[u8],
    sent: &[CertificateDer<'_>],
    name: &ServerName<'_>,
    now: UnixTime,
) -> Verdict {
    let path = Path::new("/roots.pem");
    let of_module = TrustedRoots::from_pem(path, file.to_vec());
    let of_all = every_root(file);
    let (roots, all) = match (of_module, of_all) {
        (Err(module), Err(all)) => {
            assert_eq!(module.to_string(), format!("/roots.pem: {all}"));
            return Verdict::BadFile;
        }
        (Err(module), Ok(_)) => panic!("the module refuses a good file: {module}"),
        (Ok(roots), all) => (roots, all),
    };
    let (end_entity, intermediates) = sent.split_first().expect("a certificate");
    let module =
        ServerVerifier::new(roots).verify_server_cert(end_entity, intermediates, name, &[], now);
    let judge = |roots: RootCertStore| {
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .expect("roots")
            .verify_server_cert(end_entity, intermediates, name, &[], now)
    };
    match all {
        Ok(all) => {
            let all = judge(all);
            assert_eq!(format!("{module:?}"), format!("{all:?}"));
            match module {
                Ok(_) => Verdict::Accepted,
                Err(_) => Verdict::Refused,
            }
        }
        Err(problem) => {
            let undamaged = judge(undamaged_roots(file));
            match (module, undamaged) {
                (Ok(_), Ok(_)) => Verdict::AcceptedDespiteDamage,
                (Ok(_), Err(error)) => {
                    panic!("accepted, but not by the roots of the file: {error}")
                }
                (Err(Error::Other(error)), Err(_)) => {
                    assert_eq!(error.0.to_string(), format!("/roots.pem: {problem}"));
                    Verdict::RefusedForDamage
                }
                // Bytes that are no certificate are refused before any root is read.
                (Err(_), Err(_)) if ParsedCertificate::try_from(end_entity).is_err() => {
                    Verdict::Refused
                }
                (Err(error), undamaged) => {
                    panic!("{error}, where the file is damaged: {undamaged:?}")
                }
            }
        }
    }
}

/// The roots of a file, as the module read them in earlier versions: each is parsed, and one
/// that is not PEM makes the file invalid.
fn every_root(file: &[u8]) -> Result<RootCertStore, &'static str> {
    let mut roots = RootCertStore::empty();
    for item in ureq::tls::parse_pem(file) {
        match item {
            Ok(ureq::tls::PemItem::Certificate(certificate)) => {
                let _ = roots.add(CertificateDer::from_slice(certificate.der()));
            }
            Ok(_) => {}
            Err(_) => {
                return Err("is not PEM; a certificate begins with -----BEGIN CERTIFICATE-----");
            }
        }
    }
    if roots.is_empty() {
        return Err(
            "holds no certificate that can be used; PEM begins with -----BEGIN CERTIFICATE-----",
        );
    }
    Ok(roots)
}

/// The roots of a file, without those that cannot be decoded or used.
fn undamaged_roots(file: &[u8]) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(file).flatten());
    roots
}
