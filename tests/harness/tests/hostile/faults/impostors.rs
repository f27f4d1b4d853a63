//! The server stops while the user types, and another server takes its place before the
//! password is sent. None of them may get the password.

use std::any::Any;
use std::sync::{Arc, Mutex};

use authentik_double::{Certificate, Double};

use super::table::Cell;
use super::{REFUSED, bench, cell, way};
use crate::bench::PASSWORD;

type Run = Box<dyn Fn() -> Cell + Send + Sync>;
type Place = Box<dyn Any + Send>;

fn replaced(
    name: &'static str,
    line: &'static str,
    by: impl Fn(u16) -> Place + Send + Sync + 'static,
) -> Cell {
    let bench = bench();
    let port = bench.double.port();
    let pam = bench.pam("linux-login", "alice");
    let server = Mutex::new(Some(bench.double));
    let place: Arc<Mutex<Option<Place>>> = Arc::default();
    let taken = Arc::clone(&place);
    let pam = pam.answer_secret_later(move |_| {
        drop(server.lock().expect("the server").take());
        *taken.lock().expect("the place") = Some(by(port));
        Some(PASSWORD.to_owned())
    });
    let mut cell = cell(name, "while the password is typed", REFUSED, line, || {
        pam.authenticate().try_run()
    });
    let place = place.lock().expect("the place").take();
    if let Some(double) = place
        .as_ref()
        .and_then(|place| place.downcast_ref::<Double>())
    {
        cell.require(double.requests().is_empty(), "the impostor was talked to");
    }
    cell
}

fn double(port: u16, kind: Certificate) -> Place {
    // The same accounts behind another CA than that of `ca_file`.
    Box::new(Double::builder().port(port).certificate(kind).start())
}

pub(super) fn rows() -> Vec<Run> {
    vec![
        Box::new(|| replaced("nobody", "no connection", |_| Box::new(()))),
        Box::new(|| {
            replaced("a server that resets", "", |port| {
                Box::new(way::server(port, way::reset))
            })
        }),
        Box::new(|| {
            replaced("a mute server", "longer than", |port| {
                Box::new(Double::builder().port(port).mute().start())
            })
        }),
        Box::new(|| {
            replaced("a server with a CA of its own", "was refused", |port| {
                double(port, Certificate::Good)
            })
        }),
        Box::new(|| {
            replaced("a server with another CA", "not trusted here", |port| {
                double(port, Certificate::OtherCa)
            })
        }),
        Box::new(|| {
            replaced("a self-signed server", "was refused", |port| {
                double(port, Certificate::SelfSigned)
            })
        }),
        Box::new(|| {
            replaced("a server for another host", "", |port| {
                double(port, Certificate::WrongHost)
            })
        }),
    ]
}
