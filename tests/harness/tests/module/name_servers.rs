//! Name servers that do not answer, or answer wrongly: a look-up has a limit like everything
//! else.

use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

use crate::bench::{Bench, expect};

/// The bit of an answer that says: truncated, ask again over TCP.
const CUT_SHORT: u8 = 0x82;

/// A name server on a loopback address. Only root can bind port 53. It answers every query with
/// the result of `answer`.
fn name_server(address: &str, answer: Option<fn(&mut [u8])>) -> (UdpSocket, TcpListener) {
    let udp = UdpSocket::bind((address, 53)).expect("a port for the name server");
    // A client that asks over TCP is accepted and gets no answer.
    let tcp = TcpListener::bind((address, 53)).expect("a port for the name server");
    let socket = udp.try_clone().expect("the name server's socket");
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a limit for the name server");
    std::thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut question) {
            if let Some(answer) = answer {
                answer(&mut question[..length]);
                let _ = socket.send_to(&question[..length], from);
            }
        }
    });
    (udp, tcp)
}

#[test]
fn a_dead_or_deceitful_name_server_holds_nobody_up() {
    pam_harness::require_isolation!();
    pam_harness::require_root!();
    let cut_short: fn(&mut [u8]) = |message| message[2] |= CUT_SHORT;
    for (what, address, answer) in [
        ("mute", "127.0.53.1", None),
        ("cut short", "127.0.53.2", Some(cut_short)),
    ] {
        let _server = name_server(address, answer);
        let bench = Bench::new()
            .top("url = \"https://authentik.example.com\"")
            .top("connect_timeout = \"3s\"");
        let resolv_conf = format!(
            "nameserver {address}\nsearch a.example b.example c.example\noptions ndots:1\n"
        );
        let outcome = bench
            .pam("linux-login", "alice")
            .overlay("/etc/resolv.conf", &resolv_conf)
            .timeout(Duration::from_secs(30))
            .authenticate()
            .run();
        expect(&outcome, "PAM_AUTHINFO_UNAVAIL", &[]);
        let took = outcome.durations().into_iter().max().unwrap_or_default();
        assert!(took < Duration::from_secs(6), "{what}: {took:?}");
    }
}
