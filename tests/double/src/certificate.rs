//! The certificate that the server presents, and the authority that signed it.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::crypto::SupportedKxGroup;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ALL_VERSIONS, RootCertStore, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion,
};
use time::{Duration, OffsetDateTime};

/// What is right or wrong with the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Certificate {
    /// For `localhost` and `127.0.0.1`, signed by the double's own authority.
    #[default]
    Good,
    /// Like the good one, but it expired yesterday.
    Expired,
    /// Like the good one, but valid only from tomorrow.
    NotYetValid,
    /// Signed by the right authority, for another host.
    WrongHost,
    /// Signed by the right authority, for `*.example.test`, and for what `127.0.0.1`
    /// would be if it were a name: `*.0.0.1`.
    Wildcard,
    /// Signed by the right authority, with `localhost` as its common name alone.
    CommonNameAlone,
    /// Like the good one, but for clients, not for servers.
    ForClients,
    /// Self-signed, and marked as a CA, as `openssl req -x509` makes it.
    SelfSigned,
    /// Signed by another authority than the one that [`Double::ca_pem`](crate::Double::ca_pem)
    /// gives out.
    OtherCa,
}

/// The only version of TLS that the server accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    V1_3,
}

/// The kind of the key that the server's certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyKind {
    /// P-256.
    #[default]
    P256,
    /// P-384.
    P384,
    /// Ed25519.
    Ed25519,
}

/// The part of TLS that the server offers. The default is everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct TlsOffer {
    /// One version alone.
    pub version: Option<TlsVersion>,
    /// Only the cipher suites with this text in their names, such as `AES_256_GCM`.
    pub suites: Option<&'static str>,
    /// Only the key exchange groups with this text in their names, such as `secp384r1`.
    pub groups: Option<&'static str>,
    /// The kind of the server's key.
    pub key: KeyKind,
}

/// A certificate authority that lives as long as the double.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate.
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Result<Authority, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name = common_name(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        valid_around_now(&mut params);
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Authority {
            issuer: Issuer::new(params, key),
            pem,
        })
    }
}

/// The certificate, in PEM, of an authority that signed nothing here.
///
/// # Panics
/// Where no key can be made.
#[must_use]
pub fn stranger_pem(name: &str) -> String {
    let authority = Authority::new(name);
    authority.expect("a key and a certificate").pem
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn valid_around_now(params: &mut CertificateParams) {
    let now = OffsetDateTime::now_utc();
    params.not_before = now - Duration::days(2);
    params.not_after = now + Duration::days(30);
}

/// A certificate and its key, both PEM.
pub(crate) type Identity = (String, String);

/// The certificate and the key that the authority gave a client.
pub(crate) fn client_identity(authority: &Authority) -> Result<Identity, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = common_name("a host");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    valid_around_now(&mut params);
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &authority.issuer)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// The configuration for TLS with a certificate of this kind, and that certificate.
pub(crate) fn server_config(
    authority: &Authority,
    kind: Certificate,
    asks_clients: bool,
    offer: TlsOffer,
) -> Result<(Arc<ServerConfig>, Identity), Box<dyn std::error::Error>> {
    let hosts: &[&str] = match kind {
        Certificate::WrongHost => &["elsewhere.example"],
        Certificate::Wildcard => &["*.example.test", "*.0.0.1"],
        Certificate::CommonNameAlone => &[],
        _ => &["localhost", "127.0.0.1"],
    };
    let mut params =
        CertificateParams::new(hosts.iter().map(|h| (*h).to_owned()).collect::<Vec<_>>())?;
    params.distinguished_name = common_name(match kind {
        Certificate::CommonNameAlone => "localhost",
        _ => "authentik double",
    });
    params.extended_key_usages = vec![match kind {
        Certificate::ForClients => ExtendedKeyUsagePurpose::ClientAuth,
        _ => ExtendedKeyUsagePurpose::ServerAuth,
    }];
    valid_around_now(&mut params);
    match kind {
        Certificate::Expired => params.not_after = OffsetDateTime::now_utc() - Duration::days(1),
        Certificate::NotYetValid => {
            params.not_before = OffsetDateTime::now_utc() + Duration::days(1);
        }
        _ => {}
    }
    let key = KeyPair::generate_for(match offer.key {
        KeyKind::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
        KeyKind::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
        KeyKind::Ed25519 => &rcgen::PKCS_ED25519,
    })?;
    let certificate = match kind {
        Certificate::SelfSigned => {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.self_signed(&key)?
        }
        Certificate::OtherCa => {
            let other = Authority::new("another authority")?;
            params.signed_by(&key, &other.issuer)?
        }
        _ => params.signed_by(&key, &authority.issuer)?,
    };
    let identity = (certificate.pem(), key.serialize_pem());
    let chain = vec![CertificateDer::from(certificate)];
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut provider = default_provider();
    let named = |suite: &SupportedCipherSuite, part| format!("{suite:?}").contains(part);
    if let Some(part) = offer.suites {
        provider.cipher_suites.retain(|suite| named(suite, part));
    }
    if let Some(part) = offer.groups {
        let named = |group: &&dyn SupportedKxGroup| format!("{:?}", group.name()).contains(part);
        provider.kx_groups.retain(named);
    }
    let provider = Arc::new(provider);
    let versions: &[&SupportedProtocolVersion] = match offer.version {
        Some(TlsVersion::V1_2) => &[&TLS12],
        Some(TlsVersion::V1_3) => &[&TLS13],
        None => ALL_VERSIONS,
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)?;
    let builder = if asks_clients {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes())?)?;
        builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?,
        )
    } else {
        builder.with_no_client_auth()
    };
    let mut config = builder.with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Arc::new(config), identity))
}
