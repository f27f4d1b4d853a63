//! TLS of one login.
//!
//! ureq's own connector reads the trusted certificates again for each connection of a
//! request with its own settings, as ours are, and loses the session tickets with them.
//! Here both last as long as the login: if the connection was closed while the person
//! typed, the next one resumes the session and does not verify the certificate again.
//! Nothing outlives the login.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Instant;

use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use ureq::Error;
use ureq::unversioned::transport::time::{Duration as WaitDuration, Instant as WaitInstant};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
    TransportAdapter,
};

use super::provider::provider;
use super::trust::TrustedRoots;
use super::verifier::ServerVerifier;

/// For how many servers tickets are kept.
const SERVERS: usize = 1;

/// The largest head of a response that is read, in bytes.
pub(super) const MAX_HEAD_BYTES: usize = 16 * 1024;
/// The read buffer of TLS, in bytes. The largest head must fit, with room to notice one
/// that is larger.
const INPUT_BUFFER_BYTES: usize = MAX_HEAD_BYTES + 1024;
/// The write buffer of TLS, in bytes. A request's head must fit, with all its cookies.
const OUTPUT_BUFFER_BYTES: usize = 16 * 1024;

/// A certificate with its issuers, and its key.
pub(super) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Wraps connections to the server in TLS.
pub(super) struct TlsConnector {
    config: Arc<ClientConfig>,
    server: Option<ServerName<'static>>,
}

impl std::fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsConnector")
    }
}

impl TlsConnector {
    /// Connects to the server `host`, whose certificate must lead to one of `roots`.
    ///
    /// # Errors
    /// If the client's certificate and key do not belong together.
    pub(super) fn new(
        host: &str,
        roots: TrustedRoots,
        identity: Option<Identity>,
    ) -> Result<Self, rustls::Error> {
        // rustls calls every verifier except its own "dangerous".
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(ServerVerifier::new(roots)));
        let mut config = match identity {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key)?,
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::in_memory_sessions(SERVERS);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Ok(Self {
            config: Arc::new(config),
            server: ServerName::try_from(host.to_owned()).ok(),
        })
    }
}

impl<In: Transport> Connector<In> for TlsConnector {
    type Out = Either<In, TlsTransport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let Some(inner) = chained else {
            return Ok(None);
        };
        // The connection to a proxy. The connection to the server itself always has TLS.
        if !details.needs_tls() {
            return Ok(Some(Either::A(inner)));
        }
        let server = self.server.clone().ok_or(Error::Tls(
            "no certificate can have the host in `url` as its name",
        ))?;
        let mut tls = ClientConnection::new(Arc::clone(&self.config), server)?;
        let mut socket = TransportAdapter::new(inner.boxed(), details.current_time.clone());
        socket.set_timeout(what_is_left(details));
        tls.complete_io(&mut socket)?;
        Ok(Some(Either::B(TlsTransport {
            buffers: LazyBuffers::new(INPUT_BUFFER_BYTES, OUTPUT_BUFFER_BYTES),
            stream: StreamOwned::new(tls, socket),
        })))
    }
}

/// The time that is left for the handshake, after TCP and the proxy took their part.
fn what_is_left(details: &ConnectionDetails<'_>) -> NextTimeout {
    let mut timeout = details.timeout;
    if let (WaitInstant::Exact(begun), WaitDuration::Exact(limit)) = (details.now, timeout.after) {
        let passed = Instant::now().saturating_duration_since(begun);
        timeout.after = WaitDuration::Exact(limit.saturating_sub(passed));
    }
    timeout
}

/// A connection to the server.
pub(super) struct TlsTransport {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl std::fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsTransport")
    }
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.get_mut().set_timeout(timeout);
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        self.stream.write_all(output)?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.get_mut().set_timeout(timeout);
        let read = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(read);
        Ok(read > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}
