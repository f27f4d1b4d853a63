//! What many hosts do to one server: logins that all start at once, a server that is down or
//! hangs, a server that comes back, and logins through sshd.

use crate::front::Front;
use crate::job::{Client, Job, Played};
use crate::report::{Table, round};
use crate::scenario::{Bench, Scenario, write_job};
use crate::server::{REAL_MILLIS, Server};
use crate::stats::Sample;
use crate::{Result, at, hosts};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Hosts whose logins start at once.
const HOSTS: usize = 1000;
/// How many requests a server handles at a time. The delays of one such server are known: with
/// two workers, twelve logins at once take eight seconds each.
const WORKERS: usize = 2;
/// How long no host may connect after an outage.
const QUIET: Duration = Duration::from_secs(30);

/// All measurements.
pub fn run(bench: &Bench<'_>, server: &mut Server) -> Result<Vec<Table>> {
    let mut tables = vec![one(bench, server)?];
    tables.push(at_once(bench)?);
    tables.push(outage(bench, server)?);
    tables.push(startups(bench, server)?);
    Ok(tables)
}

/// `workers` of 0 means that no request waits for a worker.
fn slow_server(bench: &Bench<'_>, workers: usize) -> Result<Server> {
    let name = format!("ca-{workers}.pem");
    let mut server = Server::start_with(&bench.program, bench.place.path(&name), workers)?;
    server.real()?;
    Ok(server)
}

/// One login: what it asks for.
fn one(bench: &Bench<'_>, server: &mut Server) -> Result<Table> {
    let mut table = Table::new(
        "One login",
        &[
            "login",
            "requests",
            "connections",
            "bytes sent",
            "bytes received",
        ],
    );
    for scenario in Scenario::all() {
        let front = Front::start(server.port)?;
        let mut job = bench.job(&scenario, server, front.port)?;
        job.client = Client::Pam;
        server.refill()?;
        server.clear()?;
        bench.play(&job)?;
        let requests = server.requests()?.len();
        // The last bytes may still be on their way.
        sleep(Duration::from_millis(50));
        table.row([
            scenario.name,
            requests.to_string(),
            front.accepted().to_string(),
            front.sent().to_string(),
            front.received().to_string(),
        ]);
    }
    table.note("Through libpam, to the end of the session in authentik. Bytes are those of TCP, TLS included.");
    Ok(table)
}

/// Logins that begin at the same moment.
fn at_once(bench: &Bench<'_>) -> Result<Table> {
    let mut table = Table::new(
        "Logins that begin at once, each by a process of its own",
        &[
            "server",
            "logins",
            "let in",
            "refused",
            "seconds each, median (quartiles)",
            "until the last ended, s",
            "connections",
            "requests",
            "open at once, most",
        ],
    );
    for (what, workers, logins) in [
        ("real delays, nobody waits for another", 0, HOSTS),
        ("real delays, two workers", WORKERS, 12),
        ("real delays, two workers", WORKERS, 32),
        ("real delays, two workers", WORKERS, HOSTS),
    ] {
        eprintln!("{logins} logins at once: {what}");
        let mut server = slow_server(bench, workers)?;
        let front = Front::start(server.port)?;
        let job = bench.job(&Scenario::password(), &server, front.port)?;
        let begun = Instant::now();
        let herd = herd(bench, job, logins)?;
        let took = begun.elapsed();
        let [connections, requests] = server.counts()?;
        table.row([
            what.into(),
            logins.to_string(),
            herd.of("PAM_SUCCESS").to_string(),
            herd.refused(),
            crate::report::cell(&herd.seconds),
            round(took.as_secs_f64()),
            connections.to_string(),
            requests.to_string(),
            front.most().to_string(),
        ]);
    }
    let sum: u64 = REAL_MILLIS.iter().sum();
    table.note(format!(
        "Real delays: {} s of the server's work for a login. Two workers do {} logins a second.",
        round(sum as f64 / 1000.0),
        round(WORKERS as f64 * 1000.0 / sum as f64),
    ));
    Ok(table)
}

/// The results of many logins.
struct Herd {
    seconds: Sample,
    codes: BTreeMap<String, usize>,
}

impl Herd {
    fn of(&self, code: &str) -> usize {
        self.codes.get(code).copied().unwrap_or_default()
    }

    /// All codes but success.
    fn refused(&self) -> String {
        let codes = self.codes.iter().filter(|(code, _)| *code != "PAM_SUCCESS");
        let parts: Vec<String> = codes
            .map(|(code, count)| format!("{count} {code}"))
            .collect();
        match parts.is_empty() {
            true => "0".into(),
            false => parts.join(", "),
        }
    }
}

/// Logs in from this many processes at the same moment.
fn herd(bench: &Bench<'_>, mut job: Job, logins: usize) -> Result<Herd> {
    job.at_a_signal = true;
    job.takes_any_code = true;
    let path = write_job(&job)?;
    let mut waiting = Vec::new();
    for _ in 0..logins {
        let mut child = Command::new(&bench.program)
            .arg("play")
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(at("a process"))?;
        // The process prints a line when it is ready.
        let mut output = BufReader::new(child.stdout.take().ok_or("a process has no output")?);
        output
            .read_line(&mut String::new())
            .map_err(at("a process"))?;
        waiting.push((child, output));
    }
    for (child, _) in &mut waiting {
        if let Some(mut input) = child.stdin.take() {
            let _ = input.write_all(b"\n");
        }
    }
    let mut herd = Herd {
        seconds: Sample::default(),
        codes: BTreeMap::new(),
    };
    for (mut child, mut output) in waiting {
        let mut text = String::new();
        output.read_to_string(&mut text).map_err(at("a process"))?;
        child.wait().map_err(at("a process"))?;
        let played: Played = serde_json::from_str(text.trim()).map_err(at("a report"))?;
        for (nanos, code) in played.nanos.iter().zip(&played.codes) {
            herd.seconds.push(*nanos as f64 / 1e9);
            *herd.codes.entry(code.clone()).or_default() += 1;
        }
    }
    Ok(herd)
}

/// A server that is down in several ways, and then comes back.
fn outage(bench: &Bench<'_>, server: &mut Server) -> Result<Table> {
    let mut table = Table::new(
        "A server that is down, and comes back",
        &[
            "server",
            "logins at once",
            "what becomes of them",
            "seconds each, median (quartiles)",
            "connections",
            "connections in 30 s after it is back",
        ],
    );
    for (what, kind, logins) in [
        ("refuses connections", Dead::Closed, HOSTS),
        ("takes connections and says nothing", Dead::Mute, 200),
        ("does not answer at all", Dead::Silent, 200),
        ("a proxy says 502", Dead::BadGateway, HOSTS),
    ] {
        eprintln!("{logins} logins at once: the server {what}");
        let mut front = Front::start(server.port)?;
        let job = bench.job(&Scenario::password(), server, front.port)?;
        let hold = match kind {
            Dead::Closed => {
                front.close();
                None
            }
            Dead::Mute => {
                front.close();
                Some(dead_port(front.port, 4096)?)
            }
            Dead::Silent => {
                front.close();
                Some(dead_port(front.port, 0)?)
            }
            Dead::BadGateway => {
                server.broken()?;
                None
            }
        };
        let before = front.accepted();
        let herd = herd(bench, job, logins)?;
        let during = match kind {
            Dead::BadGateway => (front.accepted() - before).to_string(),
            // No server is running that could count them.
            _ => "not seen".into(),
        };
        drop(hold);
        server.fast()?;
        front.open()?;
        let back = front.accepted();
        sleep(QUIET);
        table.row([
            what.into(),
            logins.to_string(),
            herd.refused(),
            crate::report::cell(&herd.seconds),
            during,
            (front.accepted() - back).to_string(),
        ]);
    }
    table.note("The module asks once and gives its verdict. Who comes again is a person, or a program that logs in by itself.");
    Ok(table)
}

#[derive(Clone, Copy)]
enum Dead {
    Closed,
    Mute,
    Silent,
    BadGateway,
}

/// Listens, and never accepts. With a backlog of 0 the kernel does not answer either, once one
/// connection waits.
fn dead_port(port: u16, backlog: i32) -> Result<(TcpListener, Vec<TcpStream>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(at("a port"))?;
    // SAFETY: the descriptor is the listener's, which outlives the call.
    if unsafe { libc::listen(listener.as_raw_fd(), backlog) } != 0 {
        return Err("the backlog cannot be set".into());
    }
    let mut fillers = Vec::new();
    if backlog == 0 {
        let address = (Ipv4Addr::LOCALHOST, port).into();
        while let Ok(filler) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
            fillers.push(filler);
        }
    }
    Ok((listener, fillers))
}

/// People who log in by ssh at the same moment, with sshd's own MaxStartups.
fn startups(bench: &Bench<'_>, server: &mut Server) -> Result<Table> {
    let mut table = Table::new(
        "sshd with its own MaxStartups (10:30:100), by ssh at the same moment",
        &[
            "authentik",
            "people",
            "let in",
            "refused by the module",
            "connection closed by sshd",
            "until the last ended, s",
        ],
    );
    if let Some(why) = &bench.place.shared {
        table.note(format!("Not measured without accounts of its own: {why}."));
        return Ok(table);
    }
    for (what, is_dead) in [
        ("answers with real delays", false),
        ("takes connections and says nothing", true),
    ] {
        for people in [10, 50, 150] {
            eprintln!("{people} people by ssh: authentik {what}");
            let mut front = Front::start(server.port)?;
            let job = bench.job(&Scenario::password(), server, front.port)?;
            server.real()?;
            let hold = match is_dead {
                true => {
                    front.close();
                    Some(dead_port(front.port, 4096)?)
                }
                false => None,
            };
            let sshd = hosts::sshd_for(bench, &job)?;
            let begun = Instant::now();
            let clients: Result<Vec<Child>> = (0..people).map(|_| sshd.client()).collect();
            let mut counts = [0; 3];
            for client in clients? {
                let ended = client.wait_with_output().map_err(at("ssh"))?;
                let said = String::from_utf8_lossy(&ended.stderr);
                let which = match (ended.status.success(), said.contains("Permission denied")) {
                    (true, _) => 0,
                    (false, true) => 1,
                    (false, false) => 2,
                };
                counts[which] += 1;
            }
            let took = begun.elapsed();
            drop(hold);
            server.fast()?;
            let [in_, refused, closed] = counts.map(|count: usize| count.to_string());
            table.row([
                what.into(),
                people.to_string(),
                in_,
                refused,
                closed,
                round(took.as_secs_f64()),
            ]);
        }
    }
    table.note("sshd closes connections at random from 10 on that have not logged in yet, and all from 100 on. Each login that waits for authentik holds one.");
    Ok(table)
}
