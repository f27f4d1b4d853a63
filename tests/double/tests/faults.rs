//! The faults that tests can inject.

mod client;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use authentik_double::{Certificate, Double, Fault, Match};
use client::{Client, executor};
use serde_json::json;

fn get(double: &Double) -> Result<client::Answer, String> {
    Client::new(double)
        .send("GET", &executor("linux-login"), &[], None)
        .map_err(|error| error.to_string())
}

fn struck_by(fault: impl FnOnce(Fault) -> Fault) -> Result<client::Answer, String> {
    let double = Double::start();
    double.inject(fault(Fault::on(Match::any())));
    get(&double)
}

#[test]
fn answers_can_be_replaced() {
    let answer = struck_by(Fault::bad_gateway).expect("an answer");
    assert_eq!(answer.status, 502);
    let answer = struck_by(Fault::server_error).expect("an answer");
    assert_eq!(answer.status, 500);
    let answer = struck_by(Fault::starting).expect("an answer");
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (200, Some("5"))
    );
    assert_eq!(answer.json(), json!({"error": "authentik starting"}));
}

#[test]
fn connections_can_break_anywhere() {
    for fault in [
        Fault::close,
        Fault::close_while_reading,
        Fault::lose_answer,
        Fault::halve,
    ] {
        assert!(struck_by(fault).is_err());
    }
    assert!(struck_by(|fault| fault.raw("SSH-2.0-OpenSSH\r\n")).is_err());
    let answer = struck_by(|fault| fault.raw("HTTP/1.1 204 No\r\n\r\n")).expect("an answer");
    assert_eq!(answer.status, 204);
}

#[test]
fn an_answer_that_is_lost_had_its_effect_and_a_closed_connection_had_none() {
    for (fault, expected) in [
        (
            Fault::on(Match::post("").nth(1)).lose_answer(),
            "ak-stage-password",
        ),
        (
            Fault::on(Match::post("").nth(1)).close(),
            "ak-stage-identification",
        ),
    ] {
        let double = Double::start();
        let mut client = Client::new(&double);
        client.get(&executor("linux-login"));
        double.inject(fault);
        let body = json!({"uid_field": "alice"}).to_string();
        let path = executor("linux-login");
        assert!(
            client
                .send("POST", &path, &[], Some(body.as_bytes()))
                .is_err()
        );
        assert_eq!(client.get(&path).component(), expected);
        assert_eq!(double.requests()[1].status, 0);
        assert_eq!(double.requests()[1].json()["uid_field"], "alice");
    }
}

#[test]
fn answers_can_be_late_and_slow() {
    let pause = Duration::from_millis(120);
    let asked = Instant::now();
    assert_eq!(
        struck_by(|fault| fault.delay(pause))
            .expect("an answer")
            .status,
        200
    );
    assert!(asked.elapsed() >= pause);
    let asked = Instant::now();
    let answer = struck_by(|fault| fault.drip(Duration::from_millis(1))).expect("an answer");
    assert_eq!(answer.component(), "ak-stage-identification");
    assert!(asked.elapsed() >= Duration::from_millis(300));
    assert!(struck_by(Fault::endless_body).is_err());
}

#[test]
fn faults_affect_the_right_requests() {
    let double = Double::start();
    double.inject(Fault::on(Match::get("/users/me/").nth(2)).bad_gateway());
    double.inject(Fault::on(Match::path("/root/config/").first(1)).bad_gateway());
    let mut client = Client::new(&double);
    let mut statuses =
        |path: &str| -> Vec<u16> { (0..3).map(|_| client.get(path).status).collect() };
    assert_eq!(statuses("/api/v3/core/users/me/"), [403, 502, 403]);
    assert_eq!(statuses("/api/v3/root/config/"), [502, 200, 200]);
    double.clear_requests();
    assert!(double.requests().is_empty());
}

#[test]
fn idle_connections_are_closed() {
    let timeout = Duration::from_millis(500);
    let double = Double::builder().idle_timeout(timeout).start();
    let mut client = Client::new(&double);
    client.get(&executor("linux-login"));
    client.get(&executor("linux-login"));
    assert_eq!(double.connections(), 1);
    std::thread::sleep(timeout * 2);
    client.get(&executor("linux-login"));
    assert_eq!(double.connections(), 2);
    double.close_connections();
    client.get(&executor("linux-login"));
    assert_eq!(double.connections(), 3);
}

#[test]
fn a_mute_server_accepts_and_says_nothing() {
    let double = Double::builder().mute().start();
    let mut stream = TcpStream::connect(("127.0.0.1", double.port())).expect("a connection");
    let patience = Duration::from_millis(100);
    stream.set_read_timeout(Some(patience)).expect("a timeout");
    stream.write_all(b"hello?").expect("a listener");
    assert!(
        stream.read(&mut [0; 16]).is_err(),
        "the double sent an answer"
    );
    assert_eq!(double.connections(), 1);
    double.close_connections();
    // closed with our bytes unread: an end or a reset, without a wait
    stream.set_read_timeout(None).expect("no timeout");
    assert_eq!(stream.read(&mut [0; 16]).unwrap_or(0), 0);
}

#[test]
fn certificates_can_be_wrong() {
    assert!(get(&Double::start()).is_ok());
    for kind in [
        Certificate::Expired,
        Certificate::WrongHost,
        Certificate::SelfSigned,
        Certificate::OtherCa,
    ] {
        let double = Double::builder().certificate(kind).start();
        assert!(get(&double).is_err(), "{kind:?}");
        assert!(double.requests().is_empty(), "{kind:?}");
    }
}
