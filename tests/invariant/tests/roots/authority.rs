//! Authorities, and the chains of servers that they signed.

use std::collections::BTreeMap;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SignatureAlgorithm,
    date_time_ymd,
};
use rustls::pki_types::CertificateDer;

/// An authority with its certificate.
pub(crate) struct Authority {
    pub(crate) issuer: Issuer<'static, KeyPair>,
    pub(crate) params: CertificateParams,
    pub(crate) pem: String,
    pub(crate) der: CertificateDer<'static>,
}

pub(crate) fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

pub(crate) fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::OrganizationName, "Roots of a test");
    distinguished.push(DnType::CommonName, name);
    distinguished
}

pub(crate) fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

impl Authority {
    pub(crate) fn root(name: &str) -> Authority {
        Authority::of(authority_params(name), key(), None)
    }

    pub(crate) fn below(name: &str, above: &Authority) -> Authority {
        Authority::of(authority_params(name), key(), Some(above))
    }

    pub(crate) fn of(
        params: CertificateParams,
        key: KeyPair,
        above: Option<&Authority>,
    ) -> Authority {
        let certificate = match above {
            Some(above) => params.signed_by(&key, &above.issuer).unwrap(),
            None => params.self_signed(&key).unwrap(),
        };
        Authority {
            issuer: Issuer::new(params.clone(), key),
            params,
            pem: certificate.pem(),
            der: certificate.der().clone(),
        }
    }

    /// The same subject and key, signed by another authority.
    pub(crate) fn cross_signed(&self, above: &Authority) -> CertificateDer<'static> {
        let signed = self.params.signed_by(self.issuer.key(), &above.issuer);
        signed.unwrap().der().clone()
    }

    pub(crate) fn server(&self) -> CertificateDer<'static> {
        self.sign(|_| {})
    }

    pub(crate) fn sign(
        &self,
        change: impl FnOnce(&mut CertificateParams),
    ) -> CertificateDer<'static> {
        self.sign_key(&key(), change)
    }

    pub(crate) fn sign_key(
        &self,
        key: &KeyPair,
        change: impl FnOnce(&mut CertificateParams),
    ) -> CertificateDer<'static> {
        let mut params =
            CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name = named("a server");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        change(&mut params);
        params.signed_by(key, &self.issuer).unwrap().der().clone()
    }
}

pub(crate) fn constrained(name: &str, permitted: &[&str], excluded: &[&str]) -> Authority {
    let mut params = authority_params(name);
    let subtrees = |names: &[&str]| {
        let names = names.iter();
        names
            .map(|name| GeneralSubtree::DnsName((*name).into()))
            .collect()
    };
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: subtrees(permitted),
        excluded_subtrees: subtrees(excluded),
    });
    Authority::of(params, key(), None)
}

pub(crate) fn with_key(name: &str, algorithm: &'static SignatureAlgorithm) -> Authority {
    let key = KeyPair::generate_for(algorithm).unwrap();
    Authority::of(authority_params(name), key, None)
}

pub(crate) type Chain = Vec<CertificateDer<'static>>;

/// Our roots of a file, and the chains of servers.
pub(crate) struct World {
    /// The PEM of each of our roots.
    pub(crate) roots: Vec<String>,
    pub(crate) chains: BTreeMap<&'static str, Chain>,
}

pub(crate) fn world() -> World {
    let root = Authority::root("root");
    let middle = Authority::below("intermediate", &root);
    let lower = Authority::below("lower intermediate", &middle);
    let other = Authority::root("another root");
    let stranger = Authority::root("a root that is in no file");
    let twin = Authority::root("twins");
    let other_twin = Authority::root("twins");
    let lost_twin = Authority::root("twins");
    let inside = constrained("permits localhost", &["localhost"], &[]);
    let outside = constrained("permits another name", &["example.test"], &[]);
    let barred = constrained("excludes localhost", &[], &["localhost"]);
    let short = {
        let mut params = authority_params("no intermediate below this one");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        Authority::of(params, key(), Some(&root))
    };
    let below_short = Authority::below("below it all the same", &short);
    let p384 = with_key("P-384", &rcgen::PKCS_ECDSA_P384_SHA384);
    let ed25519 = with_key("Ed25519", &rcgen::PKCS_ED25519);
    let expired_middle = {
        let mut params = authority_params("expired intermediate");
        params.not_after = date_time_ymd(2001, 1, 1);
        Authority::of(params, key(), Some(&root))
    };
    let expired_root = {
        let mut params = authority_params("expired root");
        params.not_after = date_time_ymd(2001, 1, 1);
        Authority::of(params, key(), None)
    };
    let nameless = {
        let mut params = authority_params("");
        params.distinguished_name = DistinguishedName::new();
        Authority::of(params, key(), None)
    };
    // A subject that is longer than the part of a certificate that is decoded to find it.
    let long = Authority::root(&"a very long name ".repeat(100));
    let longer = Authority::root(&"a name above 255 bytes ".repeat(12));

    let mut damaged = root.server().to_vec();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let many: Chain = std::iter::once(lower.server())
        .chain((0..40).map(|number| Authority::below(&format!("{number}"), &root).der))
        .chain([lower.der.clone(), middle.der.clone()])
        .collect();
    // Each is the issuer of the next: webpki gives up before it has tried all paths.
    let maze: Chain = std::iter::once(twin.server())
        .chain((0..12).map(|_| Authority::below("twins", &lost_twin).der))
        .collect();
    let self_signed = {
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.self_signed(&key()).unwrap().der().clone()
    };
    let chains: [(&str, Chain); 47] = [
        ("root and server", vec![root.server()]),
        (
            "the server sends its root",
            vec![root.server(), root.der.clone()],
        ),
        ("another root", vec![other.server()]),
        ("intermediate", vec![middle.server(), middle.der.clone()]),
        (
            "intermediate and root",
            vec![middle.server(), middle.der.clone(), root.der.clone()],
        ),
        ("no intermediate", vec![middle.server()]),
        (
            "two intermediates",
            vec![lower.server(), lower.der.clone(), middle.der.clone()],
        ),
        (
            "in another order",
            vec![lower.server(), middle.der.clone(), lower.der.clone()],
        ),
        (
            "the first of two is missing",
            vec![lower.server(), middle.der.clone()],
        ),
        (
            "the second of two is missing",
            vec![lower.server(), lower.der.clone()],
        ),
        (
            "an intermediate twice",
            vec![middle.server(), middle.der.clone(), middle.der.clone()],
        ),
        (
            "more than is needed",
            vec![root.server(), lower.der.clone(), other.der.clone()],
        ),
        (
            "an intermediate that is garbage",
            vec![root.server(), vec![0x30, 0x80].into()],
        ),
        (
            "garbage before the intermediate",
            vec![middle.server(), vec![1, 2, 3].into(), middle.der.clone()],
        ),
        ("forty that are not needed", many),
        ("a maze", maze),
        ("unknown root", vec![stranger.server()]),
        (
            "unknown root, sent",
            vec![stranger.server(), stranger.der.clone()],
        ),
        (
            "unknown root, cross-signed",
            vec![stranger.server(), stranger.cross_signed(&root)],
        ),
        (
            "cross-signed by the unknown",
            vec![root.server(), root.cross_signed(&stranger)],
        ),
        (
            "cross-signed both ways",
            vec![
                other.server(),
                other.cross_signed(&root),
                root.cross_signed(&other),
            ],
        ),
        ("the first of the twins", vec![twin.server()]),
        ("the second of the twins", vec![other_twin.server()]),
        ("a twin that is in no file", vec![lost_twin.server()]),
        (
            "a twin that is in no file, sent",
            vec![lost_twin.server(), lost_twin.der.clone()],
        ),
        ("permitted name", vec![inside.server()]),
        ("name that is not permitted", vec![outside.server()]),
        ("excluded name", vec![barred.server()]),
        (
            "path too long",
            vec![
                below_short.server(),
                below_short.der.clone(),
                short.der.clone(),
            ],
        ),
        (
            "one below the short path",
            vec![short.server(), short.der.clone()],
        ),
        ("P-384", vec![p384.server()]),
        ("Ed25519", vec![ed25519.server()]),
        (
            "expired intermediate",
            vec![expired_middle.server(), expired_middle.der.clone()],
        ),
        ("expired root", vec![expired_root.server()]),
        ("nameless root", vec![nameless.server()]),
        ("long name", vec![long.server()]),
        ("longer than one byte of length", vec![longer.server()]),
        (
            "expired",
            vec![root.sign(|params| params.not_after = date_time_ymd(2020, 1, 1))],
        ),
        (
            "not yet valid",
            vec![root.sign(|params| params.not_before = date_time_ymd(2040, 1, 1))],
        ),
        (
            "for clients",
            vec![root.sign(|params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            })],
        ),
        (
            "for any purpose",
            vec![root.sign(|params| params.extended_key_usages.clear())],
        ),
        (
            "no name at all",
            vec![root.sign(|params| params.subject_alt_names.clear())],
        ),
        (
            "a CA as a server",
            vec![root.sign(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained))],
        ),
        ("the root itself as a server", vec![root.der.clone()]),
        ("self-signed", vec![self_signed]),
        ("damaged signature", vec![damaged.into()]),
        ("garbage", vec![b"no certificate".to_vec().into()]),
    ];
    let roots = [
        &root,
        &other,
        &twin,
        &other_twin,
        &inside,
        &outside,
        &barred,
        &p384,
        &ed25519,
        &expired_root,
        &nameless,
        &long,
        &longer,
    ];
    World {
        roots: roots.map(|root| root.pem.clone()).to_vec(),
        chains: chains.into(),
    }
}
