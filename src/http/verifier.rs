//! Whether the server's certificate is acceptable. webpki alone decides; this module
//! gives it the roots.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};
use std::sync::Arc;

use super::provider::provider;
use super::trust::{Roots, TrustedRoots};

/// Verifies a server's certificate against the roots of one file.
#[derive(Debug)]
pub struct ServerVerifier {
    roots: TrustedRoots,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerVerifier {
    /// Trusts these roots, and accepts the algorithms of the module's own [`provider`].
    #[must_use]
    pub fn new(roots: TrustedRoots) -> Self {
        Self {
            roots,
            algorithms: provider().signature_verification_algorithms,
        }
    }
}

impl ServerCertVerifier for ServerVerifier {
    /// With a bundle, webpki first gets the roots that the server's certificates name.
    /// If there are none, or webpki refuses, it gets the whole bundle, and only this
    /// verdict counts. So a mistake in the choice of roots never becomes a refused
    /// certificate, which can be a proof that authentik is unavailable.
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let judge = |roots: &RootCertStore| {
            verify_server_cert_signed_by_trust_anchor(
                &certificate,
                roots,
                intermediates,
                now,
                self.algorithms.all,
            )?;
            verify_server_name(&certificate, server_name)
        };
        match &self.roots.0 {
            Roots::Parsed(roots) => judge(roots)?,
            Roots::Bundle(bundle) => {
                let sent = std::iter::once(end_entity).chain(intermediates);
                let candidates = bundle.candidates(sent);
                if candidates.is_empty() || judge(&candidates).is_err() {
                    let all = bundle.all();
                    judge(&all.map_err(|error| Error::Other(OtherError(Arc::new(error))))?)?;
                }
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
