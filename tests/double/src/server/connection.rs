//! One connection: HTTP/1.1 until somebody closes it or a fault takes it over.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::server::TlsStream;

use super::takeover::{self, Takeover};
use super::{SeenRequest, Shared};
use crate::api;
use crate::exchange::{Call, Outcome, Reply, request_id};
use crate::fault::{self, Action};
use crate::words::Language;

/// What a connection does at the moment, for closing it when it does nothing.
#[derive(Debug)]
struct Activity {
    in_flight: usize,
    since: Instant,
}

/// Serves a connection until its end.
pub(super) async fn run(
    stream: TlsStream<TcpStream>,
    peer: IpAddr,
    number: usize,
    shared: Arc<Shared>,
) {
    let (commands, mut taken_over) = mpsc::channel(1);
    let activity = Arc::new(Mutex::new(Activity {
        in_flight: 0,
        since: Instant::now(),
    }));
    let idle_timeout = shared.options.idle_timeout;
    let service = Exchange {
        shared,
        peer,
        number,
        commands,
        activity: Arc::clone(&activity),
    };
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let command = tokio::select! {
        _ = &mut connection => return,
        command = taken_over.recv() => command,
        () = idle(idle_timeout, &activity) => {
            Pin::new(&mut connection).graceful_shutdown();
            let _ = connection.await;
            return;
        }
    };
    if let Some(command) = command {
        let stream = connection.into_parts().io.into_inner();
        takeover::run(stream, command).await;
    }
}

/// Comes back when the connection has been idle for too long.
async fn idle(timeout: Option<Duration>, activity: &Mutex<Activity>) {
    let Some(timeout) = timeout else {
        return std::future::pending().await;
    };
    loop {
        let rest = {
            let now = activity.lock().unwrap_or_else(PoisonError::into_inner);
            if now.in_flight > 0 {
                timeout
            } else {
                timeout.saturating_sub(now.since.elapsed())
            }
        };
        if rest.is_zero() {
            return;
        }
        tokio::time::sleep(rest).await;
    }
}

/// Answers the requests of one connection.
struct Exchange {
    shared: Arc<Shared>,
    peer: IpAddr,
    number: usize,
    commands: mpsc::Sender<Takeover>,
    activity: Arc<Mutex<Activity>>,
}

type Answer = Result<Response<Full<Bytes>>, Infallible>;

impl Service<Request<Incoming>> for Exchange {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (shared, commands) = (Arc::clone(&self.shared), self.commands.clone());
        let activity = Arc::clone(&self.activity);
        let (peer, number) = (self.peer, self.number);
        Box::pin(async move {
            let busy = |change: isize| {
                let mut now = activity.lock().unwrap_or_else(PoisonError::into_inner);
                now.in_flight = now.in_flight.saturating_add_signed(change);
                now.since = Instant::now();
            };
            busy(1);
            let answer = match exchange(&shared, peer, number, request).await {
                Ok(reply) => response(reply),
                Err(command) => {
                    // the connection's own task takes it from here, and drops this future
                    let _ = commands.send(command).await;
                    std::future::pending().await
                }
            };
            busy(-1);
            Ok(answer)
        })
    }
}

/// One request from its head to its answer, or to the fault that strikes it.
async fn exchange(
    shared: &Shared,
    peer: IpAddr,
    number: usize,
    request: Request<Incoming>,
) -> Result<Reply, Takeover> {
    let (head, body) = request.into_parts();
    let query = head.uri.query().unwrap_or_default().to_owned();
    let path = head.uri.path().to_owned();
    let mut call = Call {
        method: head.method.to_string(),
        path: path
            .strip_prefix(shared.options.prefix.as_str())
            .unwrap_or("/outside-the-prefix")
            .to_owned(),
        target: head
            .uri
            .path_and_query()
            .map_or_else(|| path.clone(), ToString::to_string),
        query: query.clone(),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.to_string(), value)
            })
            .collect(),
        body: Vec::new(),
        peer: peer.to_string(),
        waited: Duration::ZERO,
        attempt: 0,
        request_id: request_id(),
    };
    shared.served.count(&call.path);
    let (delay, action) = fault::strike(&mut shared.faults(), &call);
    let unread = matches!(action, Some(Action::CloseUnread));
    if !unread {
        // a client that breaks off in the middle is answered for what it sent
        let read = body.collect().await;
        call.body = read
            .map(|read| read.to_bytes().to_vec())
            .unwrap_or_default();
    }
    let entry = {
        let mut log = shared.log();
        log.requests.push(SeenRequest {
            method: call.method.clone(),
            path,
            query,
            headers: call.headers.clone(),
            body: call.body.clone(),
            status: 0,
            connection: number,
            at: Instant::now(),
        });
        (log.cleared, log.requests.len() - 1)
    };
    let _worker = match &shared.options.workers {
        Some(workers) => workers.acquire().await.ok(),
        None => None,
    };
    // the timer counts in milliseconds: to sleep for no time takes one
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }

    let takeover = match action {
        None => None,
        Some(Action::Answer(reply)) => {
            note_status(shared, entry, reply.status);
            return Ok(reply);
        }
        Some(Action::ServerError) => {
            let reply = Reply::server_error(&call.method);
            note_status(shared, entry, reply.status);
            return Ok(reply);
        }
        Some(Action::Close | Action::CloseUnread) => return Err(Takeover::Close),
        Some(Action::Silence) => return Err(Takeover::Silence),
        Some(Action::Raw(bytes)) => return Err(Takeover::Write(bytes)),
        Some(other) => Some(other),
    };
    let reply = answer(shared, &mut call).await;
    match takeover {
        Some(Action::LoseAnswer) => return Err(Takeover::Close),
        Some(Action::Halve) => {
            let (mut head, body) = takeover::serialize(&reply);
            head.extend_from_slice(&body[..body.len() / 2]);
            return Err(Takeover::Write(head));
        }
        Some(Action::Drip(interval)) => {
            let (head, body) = takeover::serialize(&reply);
            return Err(Takeover::Drip(head, body, interval));
        }
        Some(Action::DripAll(interval)) => {
            let (mut head, body) = takeover::serialize(&reply);
            head.extend_from_slice(&body);
            return Err(Takeover::Drip(Vec::new(), head, interval));
        }
        Some(Action::Endless) => return Err(Takeover::Endless(reply.status)),
        _ => {}
    }
    note_status(shared, entry, reply.status);
    Ok(reply)
}

/// The server's own answer, as soon as there is one.
async fn answer(shared: &Shared, call: &mut Call) -> Reply {
    let started = Instant::now();
    let reply = loop {
        call.waited = started.elapsed();
        let outcome = api::route(&mut shared.state(), call);
        match outcome {
            // the server's own clock, which a test may have moved
            Outcome::Reply(reply) => {
                let now = shared.state().now();
                break reply.with("date", &httpdate::fmt_http_date(now));
            }
            Outcome::Wait(pause) => {
                call.attempt += 1;
                tokio::time::sleep(pause).await;
            }
        }
    };
    let varies = reply.headers.iter().any(|(name, _)| name == "vary");
    let reply = reply
        .with("x-authentik-id", &call.request_id)
        .with("content-language", Language::of(call).code());
    match varies {
        true => reply,
        false => reply.with("vary", "Accept-Language, Cookie"),
    }
}

fn note_status(shared: &Shared, (cleared, index): (usize, usize), status: u16) {
    let mut log = shared.log();
    if log.cleared != cleared {
        return;
    }
    if let Some(seen) = log.requests.get_mut(index) {
        seen.status = status;
    }
}

fn response(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    response
        .body(Full::from(reply.body))
        .unwrap_or_else(|error| {
            let text = format!("the double cannot send what it was told to: {error}");
            let mut response = Response::new(Full::from(text));
            *response.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
            response
        })
}
