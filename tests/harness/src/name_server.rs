//! A name server on loopback, for hosts whose `/etc/resolv.conf` names it.
//!
//! It gives every name the same answer, which is enough for the tests of resolvers. Only root
//! can bind its port.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// The answer to one type of query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Those of these addresses that have the type of the query.
    Addresses(Vec<IpAddr>),
    /// The name exists and has no address of this type.
    NoData,
    /// There is no such name.
    NxDomain,
    /// The server failed.
    ServFail,
    /// The server refuses to answer.
    Refused,
    /// The answer is cut short, over TCP, too.
    Truncated,
    /// The answer is cut short over UDP; a query over TCP gets no answer.
    TruncatedThenSilent,
    /// An answer to a query with another ID.
    OtherId,
    /// An answer to a query for another name.
    OtherName,
    /// A few bytes that are not a DNS message.
    Garbage,
    /// No answer at all.
    Silence,
}

/// What a name server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// To a query for IPv4 addresses.
    pub a: Reply,
    /// To a query for IPv6 addresses.
    pub aaaa: Reply,
}

impl Answers {
    /// These addresses, and "no data" for other types.
    pub fn addresses(addresses: &[IpAddr]) -> Answers {
        let of = |wanted: fn(&IpAddr) -> bool| {
            let found: Vec<IpAddr> = addresses.iter().copied().filter(wanted).collect();
            match found.is_empty() {
                true => Reply::NoData,
                false => Reply::Addresses(found),
            }
        };
        Answers {
            a: of(IpAddr::is_ipv4),
            aaaa: of(IpAddr::is_ipv6),
        }
    }

    /// The same reply to both types of query.
    pub fn both(reply: Reply) -> Answers {
        Answers {
            a: reply.clone(),
            aaaa: reply,
        }
    }
}

/// A name server that runs until it is dropped.
#[derive(Debug)]
pub struct NameServer {
    address: Ipv4Addr,
    stop: Arc<AtomicBool>,
    queries: Arc<AtomicUsize>,
}

const PORT: u16 = 53;
const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
/// How often the threads check whether they should end.
const PULSE: Duration = Duration::from_millis(100);

impl NameServer {
    /// Starts one at a free address of loopback.
    ///
    /// # Panics
    ///
    /// When no address is free, for example for an ordinary user.
    #[track_caller]
    pub fn start(answers: Answers) -> NameServer {
        match NameServer::try_start(answers) {
            Ok(server) => server,
            Err(e) => panic!("a name server on loopback: {e}"),
        }
    }

    fn try_start(answers: Answers) -> io::Result<NameServer> {
        let (address, udp, tcp) = bind()?;
        udp.set_read_timeout(Some(PULSE))?;
        tcp.set_nonblocking(true)?;
        let server = NameServer {
            address,
            stop: Arc::default(),
            queries: Arc::default(),
        };
        let answers = Arc::new(answers);
        let (stop, count) = (Arc::clone(&server.stop), Arc::clone(&server.queries));
        let told = Arc::clone(&answers);
        std::thread::spawn(move || serve_udp(&udp, &told, &stop, &count));
        let stop = Arc::clone(&server.stop);
        std::thread::spawn(move || serve_tcp(&tcp, &answers, &stop));
        Ok(server)
    }

    /// A `/etc/resolv.conf` that names it.
    pub fn resolv_conf(&self) -> String {
        format!("nameserver {}\n", self.address)
    }

    /// How many queries came over UDP.
    pub fn queries(&self) -> usize {
        self.queries.load(Ordering::SeqCst)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

/// Other tests on this machine may run name servers too. The search starts at an address that
/// depends on this process.
fn bind() -> io::Result<(Ipv4Addr, UdpSocket, TcpListener)> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..200 {
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        let [high, low] = u16::try_from(std::process::id() % 65_536)
            .unwrap_or(0)
            .to_be_bytes();
        let host = u8::try_from(number % 254 + 1).unwrap_or(1);
        let address = Ipv4Addr::new(127, high | 64, low, host);
        match UdpSocket::bind((address, PORT)).and_then(|udp| {
            let tcp = TcpListener::bind((address, PORT))?;
            Ok((udp, tcp))
        }) {
            Ok((udp, tcp)) => return Ok((address, udp, tcp)),
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => return Err(e),
            Err(e) => last = e,
        }
    }
    Err(last)
}

fn serve_udp(socket: &UdpSocket, answers: &Answers, stop: &AtomicBool, count: &AtomicUsize) {
    let mut query = [0; 1500];
    while !stop.load(Ordering::SeqCst) {
        let Ok((length, from)) = socket.recv_from(&mut query) else {
            continue;
        };
        count.fetch_add(1, Ordering::SeqCst);
        if let Some(message) = answer(&query[..length], answers, false) {
            // A client that has ended does not read.
            let _ = socket.send_to(&message, from);
        }
    }
}

fn serve_tcp(listener: &TcpListener, answers: &Answers, stop: &AtomicBool) {
    let mut clients: Vec<(TcpStream, SocketAddr)> = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        match listener.accept() {
            Ok((mut stream, from)) => {
                let _ = serve_client(&mut stream, answers);
                // Kept open, so that a client without an answer waits.
                clients.push((stream, from));
            }
            Err(_) => std::thread::sleep(PULSE / 10),
        }
    }
}

fn serve_client(stream: &mut TcpStream, answers: &Answers) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    // A resolver may send both queries at once.
    for _ in 0..2 {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut query)?;
        if let Some(message) = answer(&query, answers, true) {
            let length = u16::try_from(message.len()).unwrap_or(0);
            stream.write_all(&[&length.to_be_bytes()[..], &message].concat())?;
        }
    }
    Ok(())
}

/// The answer to a query; `None` if there is none.
fn answer(query: &[u8], answers: &Answers, over_tcp: bool) -> Option<Vec<u8>> {
    let end = question_end(query)?;
    let kind = u16::from_be_bytes([*query.get(end - 4)?, *query.get(end - 3)?]);
    let reply = match kind {
        TYPE_A => &answers.a,
        TYPE_AAAA => &answers.aaaa,
        _ => &Reply::NoData,
    };
    let question = query.get(12..end)?;
    let mut id = [*query.first()?, *query.get(1)?];
    // QR and RD; RA.
    let (mut flags, mut code) = (0x81, 0x80);
    let mut records: Vec<Vec<u8>> = Vec::new();
    let mut question = question.to_vec();
    match reply {
        Reply::Addresses(addresses) => {
            records.extend(addresses.iter().filter_map(|address| record(kind, address)));
        }
        Reply::NoData => {}
        Reply::NxDomain => code |= 3,
        Reply::ServFail => code |= 2,
        Reply::Refused => code |= 5,
        Reply::Truncated => flags |= 0x02,
        Reply::TruncatedThenSilent if over_tcp => return None,
        Reply::TruncatedThenSilent => flags |= 0x02,
        Reply::OtherId => id[0] ^= 0xff,
        // Changes the first letter of the name.
        Reply::OtherName => *question.get_mut(1)? ^= 0x02,
        Reply::Garbage => return Some(b"no message".to_vec()),
        Reply::Silence => return None,
    }
    if let (Reply::OtherId | Reply::OtherName, TYPE_A) = (reply, kind) {
        records.extend(record(kind, &IpAddr::V4(Ipv4Addr::LOCALHOST)));
    }
    let count = u16::try_from(records.len()).unwrap_or(0).to_be_bytes();
    let mut message = vec![id[0], id[1], flags, code, 0, 1];
    message.extend(count);
    message.extend([0, 0, 0, 0]);
    message.extend(question);
    message.extend(records.concat());
    Some(message)
}

/// The end of the first question of a message, after its name, type and class.
fn question_end(query: &[u8]) -> Option<usize> {
    let mut at = 12;
    loop {
        match *query.get(at)? {
            0 => return (at + 5 <= query.len()).then_some(at + 5),
            length => at += usize::from(length) + 1,
        }
    }
}

fn record(kind: u16, address: &IpAddr) -> Option<Vec<u8>> {
    let data = match (kind, address) {
        (TYPE_A, IpAddr::V4(address)) => address.octets().to_vec(),
        (TYPE_AAAA, IpAddr::V6(address)) => address.octets().to_vec(),
        _ => return None,
    };
    let length = u16::try_from(data.len()).ok()?;
    // The name is the question's; the class is IN; the time to live is a minute.
    let head = [
        &[0xc0, 12][..],
        &kind.to_be_bytes(),
        &[0, 1, 0, 0, 0, 60],
        &length.to_be_bytes(),
    ];
    Some([&head.concat()[..], &data].concat())
}
