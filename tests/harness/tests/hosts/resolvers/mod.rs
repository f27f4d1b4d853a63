//! Name servers, `/etc/hosts` and `nsswitch.conf`, in every program: the result of each
//! variant, with the server up and stopped.

mod resolve;
mod rows;

use crate::sweep::bench::{ALICE_LOCAL, Program, alice};
use authentik_double::{Certificate, Double};
use pam_harness::LogLine;
use pam_harness::host::{RealHost, configuration, stacks};
use pam_harness::name_server::NameServer;
use pam_harness::resolved::Resolved;
use pam_harness::threads::spawn;
use rows::{Code, ROWS, Row, Server};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The name in `url`.
const NAME: &str = "authentik.example.test";
/// Nobody can listen there.
const STOPPED: u16 = 1;

const SERVICES: [&str; 4] = ["sshd", "login", "su", "sudo"];

/// The result of a row in one program.
#[derive(Clone)]
struct Outcome {
    service: &'static str,
    /// The code in the module's first line; `None` without a line.
    code: Option<String>,
    /// Whether the local password was enough.
    login: bool,
    line: String,
}

/// A host whose files a row changes.
struct Bench {
    double: Double,
    host: RealHost,
}

/// How a row went.
struct Played {
    /// How long its logins took.
    took: Duration,
    /// How many questions reached systemd-resolved.
    questions: usize,
}

impl Bench {
    /// A host, with these packages if there are any.
    fn new(packages: Option<&Path>) -> Bench {
        let double = Double::builder()
            .certificate(Certificate::Wildcard)
            .world(|world| ALICE_LOCAL.clone_into(&mut world.user_mut("alice").password))
            .start();
        let mut builder = RealHost::new(&double).account(alice()).file(
            "/etc/login.defs",
            "FAIL_DELAY 0\nLOGIN_RETRIES 1\n",
            0o644,
        );
        if let Some(packages) = packages {
            builder = builder.packages(packages);
        }
        for service in SERVICES {
            let text = stacks::with_way(service, "authentik-fallback");
            builder = builder.stack(service, &text);
        }
        Bench {
            host: builder.start(),
            double,
        }
    }

    /// Runs a row in every program.
    #[track_caller]
    fn play(&self, row: &Row) -> (Played, Vec<Outcome>) {
        let server = NameServer::start((row.answers)());
        let port = match row.server {
            Server::Up => self.double.port(),
            Server::Stopped => STOPPED,
        };
        let url = format!("https://{NAME}:{port}");
        let text = configuration(&self.double, "linux-deny").replace(&self.double.url(), &url);
        let host = &self.host;
        host.config(&format!(
            "connect_timeout = \"2s\"\nrequest_timeout = \"2s\"\n{}{text}",
            row.config
        ));
        host.write("/etc/resolv.conf", &server.resolv_conf());
        let names = format!("127.0.0.1 localhost host\n{}", row.hosts);
        host.write("/etc/hosts", &names.replace("NAME", NAME));
        let databases = "passwd: files\ngroup: files\nshadow: files\n";
        host.write(
            "/etc/nsswitch.conf",
            &format!("{databases}hosts: {}\n", row.nsswitch),
        );
        let resolved = row.resolved.map(|says| Resolved::start(host, says));
        host.new_log();
        let begun = Instant::now();
        let runs: Vec<_> = [Program::Su, Program::Sudo]
            .map(|program| program.run(host, ALICE_LOCAL))
            .to_vec();
        let (finished, [sshd, login]) = std::thread::scope(|scope| {
            // Side by side, because they mostly wait.
            let sshd = scope.spawn(|| self.log_in("sshd"));
            let login = scope.spawn(|| self.log_in("login"));
            let finished = host.run_all(&runs, 2);
            let ended = [sshd, login].map(|thread| thread.join().unwrap_or_default());
            (finished, ended)
        });
        let played = Played {
            took: begun.elapsed(),
            questions: resolved.as_ref().map_or(0, Resolved::questions),
        };
        let log = host.new_log();
        let is_in = |program: Program, index: usize| program.is_in(&finished[index]);
        let outcomes = [
            ("sshd", sshd),
            ("login", login),
            ("su", is_in(Program::Su, 0)),
            ("sudo", is_in(Program::Sudo, 1)),
        ]
        .map(|(service, login)| outcome(service, login, &log))
        .to_vec();
        (played, outcomes)
    }

    /// Whether the local password lets alice in.
    fn log_in(&self, service: &str) -> bool {
        let mut terminal = match service {
            "sshd" => self
                .host
                .ssh("alice")
                .option("PreferredAuthentications=keyboard-interactive")
                .option("NumberOfPasswordPrompts=1")
                .run(&["echo", "let-in"]),
            _ => {
                let mut terminal = self.host.login();
                terminal.expect("login: ").send_line("alice");
                terminal
            }
        };
        let words = ["assword:", "let-in\r\n", "$ "];
        let mut answered = false;
        while let Some(index) = terminal.expect_or_end(&words) {
            if index > 0 {
                if index == 2 {
                    terminal.send_line("exit");
                }
                return true;
            }
            if answered {
                terminal.send(b"\x04");
            } else {
                terminal.send_secret(ALICE_LOCAL);
                answered = true;
            }
        }
        false
    }
}

/// The log lines of a service's login.
fn outcome(service: &'static str, login: bool, log: &[LogLine]) -> Outcome {
    let head = format!("pam_authentik_flow({service}:auth): ");
    let line = log.iter().find_map(|line| line.text.strip_prefix(&head));
    Outcome {
        service,
        code: line.and_then(|line| Some(line.split_once(':')?.0.to_owned())),
        login,
        line: line.unwrap_or_default().to_owned(),
    }
}

/// The expected result: the code, and that the local password is enough only with
/// `PAM_AUTHINFO_UNAVAIL`.
fn check(row: &Row, outcome: &Outcome) -> Result<(), String> {
    let expected = match outcome.service {
        "su" | "sudo" => row.setuid,
        _ => row.others,
    };
    let code = outcome.code.as_deref().unwrap_or("no line");
    if code != expected.name() || outcome.login != (expected == Code::Unavailable) {
        return Err(format!(
            "{}, {}: {code} in place of {}, in: {}, {}",
            row.what,
            outcome.service,
            expected.name(),
            outcome.login,
            outcome.line
        ));
    }
    Ok(())
}

#[test]
fn each_variant_of_a_resolver_has_its_code_in_each_program() {
    pam_harness::require_real_host!("sshd", "ssh", "login", "su", "sudo");
    play_rows(ROWS, None, "resolvers");
}

/// Plays the rows on hosts with these packages, and writes a table of this name.
#[track_caller]
fn play_rows(rows: &'static [Row], packages: Option<PathBuf>, name: &str) -> Vec<Played> {
    let parts: Vec<&[Row]> = rows.chunks(rows.len().div_ceil(4)).collect();
    let packages = packages.as_deref();
    let results: Vec<Part> = std::thread::scope(|scope| {
        let threads: Vec<_> = parts
            .into_iter()
            .map(|rows| spawn(scope, move || play_all(rows, packages)))
            .collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
            thread.join().expect("the rows are played")
        };
        threads.into_iter().map(join).collect()
    });
    let mut table = format!("{name}: the code in sshd, login, su, sudo\n");
    let (mut wrong, mut played) = (Vec::new(), Vec::new());
    for part in results {
        table.push_str(&part.table);
        wrong.extend(part.wrong);
        played.extend(part.played);
    }
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hosts");
    std::fs::create_dir_all(&directory).expect("the table's directory");
    std::fs::write(directory.join(format!("{name}.txt")), &table).expect("the table is written");
    assert!(wrong.is_empty(), "{table}\n{}", wrong.join("\n"));
    played
}

/// What some rows gave.
#[derive(Default)]
struct Part {
    table: String,
    wrong: Vec<String>,
    played: Vec<Played>,
}

/// Plays these rows on one host.
fn play_all(rows: &[Row], packages: Option<&Path>) -> Part {
    let bench = Bench::new(packages);
    let mut part = Part::default();
    for row in rows {
        let (played, outcomes) = bench.play(row);
        let codes: Vec<&str> = outcomes
            .iter()
            .map(|outcome| outcome.code.as_deref().unwrap_or("no line"))
            .collect();
        let seconds = played.took.as_secs_f32();
        let _ = writeln!(
            part.table,
            "    {:<66} {} {seconds:.1} s",
            row.what,
            codes.join("  ")
        );
        let results = outcomes
            .iter()
            .filter_map(|outcome| check(row, outcome).err());
        part.wrong.extend(results);
        part.played.push(played);
    }
    part
}
