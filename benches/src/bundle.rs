//! The usual case: no `ca_file`, so the distribution's bundle is used.

use crate::scenario::{Bench, Scenario};
use crate::server::Server;
use crate::{Result, at};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use std::fs;
use std::path::Path;

/// Where the distributions keep it.
const PLACES: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
];

/// The name of the login by the bundle.
pub const BY_THE_BUNDLE: &str = "password, by the bundle";

/// The login `password`, where the server's CA is the last one in this host's bundle. `None` if
/// the host has no bundle.
pub fn scenario(bench: &Bench<'_>, server: &Server) -> Result<Option<Scenario>> {
    let Some(bundle) = PLACES.iter().map(Path::new).find(|path| path.exists()) else {
        return Ok(None);
    };
    let bundle = fs::read_to_string(bundle).map_err(at(bundle.display()))?;
    let own = fs::read_to_string(&server.ca_file).map_err(at(server.ca_file.display()))?;
    let path = bench.place.path("distribution.pem");
    crate::place::write(&path, &format!("{bundle}{own}"), 0o644)?;
    Ok(Some(Scenario {
        name: BY_THE_BUNDLE.into(),
        ca_file: Some(path),
        ..Scenario::password()
    }))
}

/// A CA that signed nothing here.
pub fn stranger(number: usize) -> std::result::Result<String, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let name = format!("An authority that signed nothing here, number {number}");
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params.self_signed(&KeyPair::generate()?)?.pem())
}
