//! The server's certificate, and whether the module accepts it.

use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};

use pam_authentik_flow::config::Config;
use pam_authentik_flow::fault::ServerFault;
use pam_authentik_flow::http::{HttpsTransport, Transport, provider, trusted_roots};
use pam_authentik_flow::text;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::server::ANONYMOUS;
use crate::cli::report::{Measure, Report};

/// A certificate that expires within this many days should have been renewed already.
const SOON: i64 = 14;
const DAY: i64 = 24 * 60 * 60;

/// Looks at the certificate, then connects with the module's own client. Returns
/// whether that worked.
pub(super) fn look(
    report: &mut Report,
    config: &Config,
    stream: TcpStream,
    transport: &mut HttpsTransport,
) -> bool {
    let chain = handshake(config, stream).unwrap_or_default();
    let seen = chain
        .first()
        .and_then(|certificate| Seen::read(certificate));
    let described = match &seen {
        Some(seen) => seen.describe(chain.len()),
        None => "the server showed none".into(),
    };
    let refused = match transport.get(ANONYMOUS) {
        Err(error) => match error.fault() {
            ServerFault::Certificate(words) | ServerFault::Tls(words) => Some(words.clone()),
            _ => None,
        },
        Ok(_) => None,
    };
    let days_left = seen.as_ref().map(|seen| seen.days_left);
    if let Some(seen) = &seen {
        report.measure_of_server(
            Measure::CertificateExpiry,
            &config.url.to_string(),
            seen.not_after,
        );
    }
    let is_good = match refused {
        Some(words) => {
            let (found, remedy) = match words.split_once("; ") {
                Some((found, remedy)) => (found.to_owned(), remedy.to_owned()),
                None => (
                    words,
                    format!(
                        "give the server a certificate for {}, or correct the host in `url`",
                        config.url.host()
                    ),
                ),
            };
            report.wrong(
                "certificate.refused",
                format!("{found}: {described}"),
                remedy,
            );
            false
        }
        // The next step reports other failures.
        _ => {
            match seen {
                Some(seen) if seen.days_left < SOON => report.warn(
                    "certificate.expires-soon",
                    described,
                    "renew it: nobody logs in once it has expired",
                ),
                Some(_) => report.ok("certificate.good", described),
                None => {}
            }
            true
        }
    };
    if let Some(days) = days_left {
        report.value("left_days", days);
    }
    is_good
}

/// The contents of a certificate.
struct Seen {
    names: Vec<String>,
    issuer: String,
    days_left: i64,
    /// In seconds since 1970.
    not_after: i64,
    until: String,
}

impl Seen {
    fn read(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        let clean = |text: &str| text::one_line(text, 80);
        let mut names: Vec<String> = certificate
            .subject_alternative_name()
            .ok()
            .flatten()
            .map(|extension| extension.value.general_names.iter())
            .into_iter()
            .flatten()
            .filter_map(|name| match name {
                GeneralName::DNSName(name) => Some(clean(name)),
                GeneralName::IPAddress(bytes) => address(bytes),
                _ => None,
            })
            .take(8)
            .collect();
        if names.is_empty() {
            names.push("no name at all".into());
        }
        let not_after = certificate.validity().not_after;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = i64::try_from(now.ok()?.as_secs()).ok()?;
        let issuer = certificate.issuer();
        let common = issuer
            .iter_common_name()
            .next()
            .and_then(|cn| cn.as_str().ok());
        Some(Self {
            names,
            issuer: clean(common.unwrap_or(&issuer.to_string())),
            days_left: not_after.timestamp().saturating_sub(now).div_euclid(DAY),
            not_after: not_after.timestamp(),
            until: clean(&not_after.to_string()),
        })
    }

    fn describe(&self, length: usize) -> String {
        let left = match self.days_left {
            days if days < 0 => format!("expired on {}", self.until),
            1 => "1 day left".into(),
            days => format!("{days} days left"),
        };
        let chain = match length {
            1 => String::new(),
            more => format!(", a chain of {more}"),
        };
        format!(
            "for {}, issued by \"{}\", {left}{chain}",
            self.names.join(", "),
            self.issuer
        )
    }
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(std::net::Ipv4Addr::from(four).to_string());
    }
    let sixteen = <[u8; 16]>::try_from(bytes).ok()?;
    Some(std::net::Ipv6Addr::from(sixteen).to_string())
}

/// The chain that the server sends, valid or not.
fn handshake(config: &Config, mut stream: TcpStream) -> Option<Vec<CertificateDer<'static>>> {
    let provider = provider();
    let roots = Arc::new(trusted_roots(config).ok()?);
    let inner = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
        .build()
        .ok()?;
    let recorder = Arc::new(Recorder {
        inner,
        seen: Mutex::default(),
    });
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&recorder) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    let host = config.url.host();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(host.to_owned()).ok()?;
    let mut connection = ClientConnection::new(Arc::new(client), name).ok()?;
    stream.set_read_timeout(Some(config.connect_timeout)).ok()?;
    stream
        .set_write_timeout(Some(config.connect_timeout))
        .ok()?;
    while connection.is_handshaking() {
        // A client that refuses the certificate has seen it before that.
        if connection.complete_io(&mut stream).is_err() {
            break;
        }
    }
    let mut seen = recorder.seen.lock().unwrap_or_else(PoisonError::into_inner);
    Some(std::mem::take(&mut seen))
}

/// Keeps the server's chain, and verifies it as any client does.
#[derive(Debug)]
struct Recorder {
    inner: Arc<WebPkiServerVerifier>,
    seen: Mutex<Vec<CertificateDer<'static>>>,
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(end_entity.clone().into_owned());
        seen.extend(intermediates.iter().map(|one| one.clone().into_owned()));
        drop(seen);
        self.inner
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
