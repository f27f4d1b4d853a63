//! Connections that a fault takes over from HTTP.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::exchange::Reply;

/// What a fault does with a connection.
#[derive(Debug)]
pub(super) enum Takeover {
    /// Closes it without an answer.
    Close,
    /// Keeps it open until the client gives up.
    Silence,
    /// Writes this and closes.
    Write(Vec<u8>),
    /// Writes a head, then the body one byte at a time.
    Drip(Vec<u8>, Vec<u8>, Duration),
    /// Writes a head with this status, then bytes without end.
    Endless(u16),
}

/// Does it. The client may disconnect at any time, which is not an error here.
pub(super) async fn run(mut stream: TlsStream<TcpStream>, command: Takeover) {
    let _ = match command {
        Takeover::Close => Ok(()),
        Takeover::Silence => silence(&mut stream).await,
        Takeover::Write(bytes) => write(&mut stream, &bytes).await,
        Takeover::Drip(head, body, interval) => drip(&mut stream, &head, &body, interval).await,
        Takeover::Endless(status) => endless(&mut stream, status).await,
    };
}

async fn silence(stream: &mut TlsStream<TcpStream>) -> std::io::Result<()> {
    let mut ignored = [0; 1024];
    while stream.read(&mut ignored).await? > 0 {}
    Ok(())
}

async fn write(stream: &mut TlsStream<TcpStream>, bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(bytes).await?;
    stream.shutdown().await
}

async fn drip(
    stream: &mut TlsStream<TcpStream>,
    head: &[u8],
    body: &[u8],
    interval: Duration,
) -> std::io::Result<()> {
    stream.write_all(head).await?;
    for byte in body {
        stream.write_all(&[*byte]).await?;
        stream.flush().await?;
        tokio::time::sleep(interval).await;
    }
    stream.shutdown().await
}

async fn endless(stream: &mut TlsStream<TcpStream>, status: u16) -> std::io::Result<()> {
    let head =
        format!("HTTP/1.1 {status} Endless\r\nContent-Type: application/json\r\n\r\n{{\"x\":\"");
    stream.write_all(head.as_bytes()).await?;
    loop {
        stream.write_all(&[b'x'; 4096]).await?;
        tokio::task::yield_now().await;
    }
}

/// The bytes of an answer's head and those of its body.
pub(super) fn serialize(reply: &Reply) -> (Vec<u8>, Vec<u8>) {
    let mut head = format!("HTTP/1.1 {} Answer\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", reply.body.len()));
    (head.into_bytes(), reply.body.clone())
}
