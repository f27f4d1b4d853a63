//! The floor: the same bytes over one TLS connection, with rustls and sockets alone. No client
//! that checks certificates and keeps cookies can need less.

use crate::job::{Exchange, Job};
use crate::{Result, at};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, Stream};
use std::ffi::CString;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;

/// The cookies of one login: names and values as they came.
#[derive(Default)]
pub struct Jar(Vec<(String, String)>);

impl Jar {
    /// Takes in the value of a `Set-Cookie` header.
    pub fn set(&mut self, header: &str) {
        let pair = header.split(';').next().unwrap_or_default();
        if let Some((name, value)) = pair.split_once('=') {
            self.0.retain(|(other, _)| other != name.trim());
            self.0
                .push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }

    fn header(&self) -> String {
        let pairs: Vec<String> = self.0.iter().map(|(n, v)| format!("{n}={v}")).collect();
        pairs.join("; ")
    }

    fn value(&self, name: &str) -> String {
        let found = self.0.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }
}

/// One login.
pub fn log_in(job: &Job, login: usize) -> Result<()> {
    let pem = fs::read(&job.ca_file).map_err(at(job.ca_file.display()))?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).flatten());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(at("TLS"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").map_err(at("localhost"))?;
    let mut tcp = TcpStream::connect(("localhost", job.port)).map_err(at("connect"))?;
    tcp.set_nodelay(true).map_err(at("TCP_NODELAY"))?;
    let mut tls = ClientConnection::new(Arc::new(config), name).map_err(at("TLS"))?;
    let mut stream = Stream::new(&mut tls, &mut tcp);
    let mut jar = Jar::default();
    for exchange in &job.exchanges {
        let request = request(job, exchange, &jar, login);
        stream
            .write_all(request.as_bytes())
            .and_then(|()| stream.flush())
            .map_err(at("write"))?;
        answer(&mut stream, exchange, &mut jar)?;
    }
    Ok(())
}

/// What every PAM module of this kind needs: the user's account, the configuration, and a line
/// in the log. What libpam itself needs belongs to the caller.
pub fn surroundings(job: &Job) -> Result<()> {
    let name = CString::new(job.user.as_str()).map_err(at("the user's name"))?;
    let mut buffer = [0; 4096];
    // SAFETY: all zeros are a value of it.
    let mut account: libc::passwd = unsafe { std::mem::zeroed() };
    let mut found = std::ptr::null_mut();
    let (room, length) = (buffer.as_mut_ptr(), buffer.len());
    // SAFETY: all pointers are valid for the call, and the length is the buffer's.
    let error = unsafe { libc::getpwnam_r(name.as_ptr(), &mut account, room, length, &mut found) };
    // Without accounts of the bench's own the name is unknown, but it was looked up.
    if error != 0 {
        return Err(format!("getpwnam_r gave {error}"));
    }
    let path = job.confdir.join("pam_authentik_flow.toml");
    let text = fs::read_to_string(&path).map_err(at(path.display()))?;
    let _: toml::Table = toml::from_str(&text).map_err(at(path.display()))?;
    let socket = UnixDatagram::unbound().map_err(at("the log"))?;
    let line = format!("<86>floor: user={} ms=3 ok", job.user);
    // A host without a log causes no error, as for the module.
    let _ = socket.send_to(line.as_bytes(), "/dev/log");
    Ok(())
}

fn request(job: &Job, exchange: &Exchange, jar: &Jar, login: usize) -> String {
    let body = job.body(exchange, login);
    let mut text = format!("{} {} HTTP/1.1\r\n", exchange.method, exchange.target);
    for (name, value) in &exchange.headers {
        let value = match name.as_str() {
            "cookie" => jar.header(),
            "x-authentik-csrf" => jar.value("authentik_csrf"),
            _ => job.header(value),
        };
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(&body);
    text
}

fn answer(stream: &mut impl Read, exchange: &Exchange, jar: &mut Jar) -> Result<()> {
    let mut bytes = Vec::with_capacity(4096);
    let mut buffer = [0; 4096];
    let mut wanted = None;
    loop {
        let got = stream.read(&mut buffer).map_err(at("read"))?;
        if got == 0 {
            return Err("the server closed the connection".into());
        }
        bytes.extend_from_slice(&buffer[..got]);
        if wanted.is_none() {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
                wanted = Some(end + 4 + read_head(&head, exchange, jar)?);
            }
        }
        if wanted.is_some_and(|wanted| bytes.len() >= wanted) {
            return Ok(());
        }
    }
}

/// Takes the cookies, and returns the length of the body.
fn read_head(head: &str, exchange: &Exchange, jar: &mut Jar) -> Result<usize> {
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    let wanted = exchange.status.to_string();
    if status.split(' ').nth(1) != Some(wanted.as_str()) {
        return Err(format!("{}: {status}, not {wanted}", exchange.target));
    }
    let mut length = 0;
    for line in lines {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        match name.to_ascii_lowercase().as_str() {
            "set-cookie" => jar.set(value),
            "content-length" => length = value.trim().parse().map_err(at("content-length"))?,
            _ => {}
        }
    }
    Ok(length)
}
