//! What counts as "authentik is unavailable" in real programs with the stack
//! `authentik-fallback`: then, and only then, the local password is enough.
//!
//! The callers of sudo and su can make a resolver fail, make time pass, and flood a
//! proxy. So in sudo and su it counts only where `addresses` is set, or the host in
//! `url` is an IP address, and only where the server itself has refused or is out of
//! reach.

use crate::case::{LOCAL, PASSWORD};
use crate::front::{free_port, start_nginx};
use crate::matrix::write_table;
use authentik_double::{Certificate, Double, Fault, Match};
use pam_harness::host::{RealHost, Terminal, configuration, stacks};
use std::fmt::Write;
use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

const PROGRAMS: [&str; 4] = ["su", "sudo", "sshd", "login"];

/// The words of the log where the resolver has chosen the addresses.
const NOT_PINNED: &str = "not counted as unavailable: in a set-uid program it counts only where `addresses` is set, or the host in `url` is an IP address";
/// The words of the log where it is no evidence in a set-uid program.
const NOT_IN_SETUID: &str = "not counted as unavailable: it does not count in a set-uid program";

/// The words of the log where a proxy is between the two.
const BEHIND_PROXY: &str =
    "not counted as unavailable: behind a proxy it does not count in a set-uid program";

const PINNED: &str = "addresses = [\"127.0.0.1\"]\n";
const SHORT: &str = "connect_timeout = \"1s\"\nrequest_timeout = \"1s\"\n";

fn host(double: &Double) -> RealHost {
    with_fallback(RealHost::new(double)).start()
}

fn with_fallback(
    builder: pam_harness::host::RealHostBuilder,
) -> pam_harness::host::RealHostBuilder {
    PROGRAMS
        .iter()
        .fold(builder.local_password("alice"), |builder, program| {
            builder.stack(program, &stacks::with_way(program, "authentik-fallback"))
        })
}

/// Where a program runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Network {
    /// In the machine's network.
    Machine,
    /// In one without routes and with loopback down: the kernel says that the network
    /// is unreachable.
    None,
}

/// Starts a program for alice, or for who becomes alice.
fn start(host: &RealHost, program: &str, network: Network) -> Terminal {
    let caller = match program {
        "su" => "carol",
        "sudo" => "alice",
        _ => "root",
    };
    let id = host.uid(caller);
    let (user, group) = (format!("--reuid={id}"), format!("--regid={id}"));
    let mut command = Vec::new();
    let run_by = match network {
        Network::Machine => caller,
        Network::None => {
            // Only root may leave the machine's network.
            command.extend(["unshare", "--net", "setpriv"]);
            command.extend([user.as_str(), group.as_str(), "--clear-groups"]);
            "root"
        }
    };
    match program {
        "su" => command.extend(["su", "alice", "-c", "echo in"]),
        "sudo" => command.extend(["sudo", "-k", "echo", "in"]),
        "login" => {
            command.push("login");
            let mut terminal = host.terminal(run_by, &command);
            terminal.expect("login: ").send_line("alice");
            return terminal;
        }
        _ => {
            let ssh = host
                .ssh("alice")
                .option("PreferredAuthentications=keyboard-interactive")
                .option("NumberOfPasswordPrompts=1");
            let ssh = match network {
                Network::Machine => ssh,
                Network::None => ssh
                    .option("ProxyCommand=unshare --net /usr/sbin/sshd -i -f /etc/ssh/sshd_config"),
            };
            return ssh.run(&["echo", "in"]);
        }
    }
    host.terminal(run_by, &command)
}

/// Whether this password, and no more, lets alice in; and what stood on the screen.
fn lets_in(mut terminal: Terminal, program: &str, password: &str) -> (bool, String) {
    let words = ["assword:", "assword for ", "\r\nin\r\n", "$ "];
    let mut password = Some(password);
    let mut is_in = false;
    while let Some(index) = terminal.expect_or_end(&words) {
        match (index, password.take()) {
            (0 | 1, Some(password)) => {
                terminal.send_secret(password);
            }
            (0 | 1, None) => {
                terminal.send(b"\x04");
            }
            _ => {
                is_in = true;
                if program == "login" {
                    terminal.send_line("exit");
                }
                break;
            }
        }
    }
    (is_in, terminal.finish().transcript)
}

/// The module's lines of one program, of those that were taken from the log.
fn lines_of(lines: &[String], program: &str) -> String {
    let prefix = format!("pam_authentik_flow({program}:");
    let of_program = lines.iter().filter(|line| line.contains(&prefix));
    of_program.cloned().collect::<Vec<_>>().join("\n")
}

/// A row of the table: why authentik cannot be used, and what sudo and su make of it.
struct Cause {
    name: &'static str,
    /// Keys of the configuration, before `url`.
    keys: String,
    url: String,
    ca: String,
    network: Network,
    /// Why it counts for nothing in sudo and su; nothing where it counts.
    refused: Option<&'static str>,
}

/// The servers, good and bad, that the causes need.
struct Servers {
    good: Double,
    expired: Double,
    other_ca: Double,
    other_host: Double,
    unavailable: Double,
    silent: Double,
}

/// A port of loopback below 1024 that is free.
fn port_of_roots() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(960);
    loop {
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(port < 1024, "no port below 1024 is free");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Servers {
    fn start() -> Servers {
        // At a port from 1024 on any local user could show a certificate.
        let certificate = |kind| {
            let builder = Double::builder().certificate(kind);
            builder.port(port_of_roots()).start()
        };
        let unavailable = Double::start();
        unavailable.inject(Fault::on(Match::any()).answer(503, "text/html", "503"));
        Servers {
            good: Double::start(),
            expired: certificate(Certificate::Expired),
            other_ca: certificate(Certificate::OtherCa),
            other_host: certificate(Certificate::WrongHost),
            unavailable,
            silent: Double::builder().mute().start(),
        }
    }

    fn causes(&self) -> Vec<Cause> {
        let plain = |name, keys: &str, url: &str, refused| Cause {
            name,
            keys: keys.to_owned(),
            url: url.to_owned(),
            ca: self.good.ca_pem().to_owned(),
            network: Network::Machine,
            refused,
        };
        let at = |name, keys: &str, double: &Double, refused| Cause {
            ca: double.ca_pem().to_owned(),
            ..plain(name, keys, &double.url(), refused)
        };
        let cut_off = |cause: Cause| Cause {
            network: Network::None,
            ..cause
        };
        let unroutable = "addresses = [\"192.0.2.1\"]\n";
        let short = format!("{PINNED}{SHORT}");
        // Nobody can listen on port 1.
        let (by_name, by_number) = ("https://localhost:1", "https://127.0.0.1:1");
        vec![
            plain("stopped, `addresses`", PINNED, by_name, None),
            plain("stopped, an IP address in `url`", "", by_number, None),
            plain(
                "a stopped proxy, an IP address",
                "proxy = \"http://127.0.0.1:1\"\n",
                by_number,
                Some(BEHIND_PROXY),
            ),
            cut_off(plain(
                "out of reach, `addresses`",
                unroutable,
                by_name,
                None,
            )),
            cut_off(plain(
                "out of reach, an IP address",
                "",
                "https://192.0.2.1",
                None,
            )),
            at(
                "an expired certificate, `addresses`",
                PINNED,
                &self.expired,
                None,
            ),
            at(
                "a certificate of another CA, `addresses`",
                PINNED,
                &self.other_ca,
                None,
            ),
            at(
                "a certificate of another host, `addresses`",
                PINNED,
                &self.other_host,
                None,
            ),
            plain("stopped, a name", "", by_name, Some(NOT_PINNED)),
            // The file has no IPv6 address, and the name server is out of reach.
            cut_off(plain(
                "out of reach, a name of /etc/hosts",
                "",
                "https://far.example",
                Some(NOT_PINNED),
            )),
            cut_off(plain(
                "out of reach, a name of DNS",
                SHORT,
                ELSEWHERE,
                Some(NOT_IN_SETUID),
            )),
            at(
                "an expired certificate, a name",
                "",
                &self.expired,
                Some(NOT_PINNED),
            ),
            at(
                "HTTP status 503, `addresses`",
                PINNED,
                &self.unavailable,
                Some(NOT_IN_SETUID),
            ),
            at(
                "a silent server, `addresses`",
                &short,
                &self.silent,
                Some(NOT_IN_SETUID),
            ),
        ]
    }
}

/// One name more than a host has of itself.
const HOSTS: &str = "127.0.0.1 localhost host\n::1 localhost\n192.0.2.1 far.example\n";

/// A name that the name servers alone know.
const ELSEWHERE: &str = "https://authentik.example.com";
/// Here nobody listens, and there nobody answers.
const NAME_SERVERS: [(&str, &str); 2] = [
    ("no name server", "127.0.53.78"),
    ("a silent name server", "127.0.53.79"),
];

#[test]
fn the_local_password_is_enough_where_authentik_is_proved_to_be_unavailable() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo", "su", "login", "unshare", "setpriv");
    let servers = Servers::start();
    let host = host(&servers.good);
    host.write("/etc/hosts", HOSTS);
    // The first one starts sshd.
    let (is_in, seen) = lets_in(start(&host, "sshd", Network::Machine), "sshd", PASSWORD);
    assert!(is_in, "{seen}");
    let mut table = String::new();
    for cause in servers.causes() {
        check(&host, &servers.good, &cause, &mut table);
    }
    let silent =
        UdpSocket::bind((NAME_SERVERS[1].1, 53)).expect("port 53 of an address of loopback");
    for (name, address) in NAME_SERVERS {
        let resolv_conf = format!("nameserver {address}\noptions timeout:1 attempts:1\n");
        host.write("/etc/resolv.conf", &resolv_conf);
        let cause = Cause {
            name,
            keys: SHORT.to_owned(),
            url: ELSEWHERE.to_owned(),
            ca: servers.good.ca_pem().to_owned(),
            network: Network::Machine,
            refused: Some(NOT_IN_SETUID),
        };
        check(&host, &servers.good, &cause, &mut table);
    }
    drop(silent);
    write_table("unavailable", &table);
    // With a local password that is wrong nobody gets in, whatever the cause.
    host.config(
        &configuration(&servers.good, "linux-login")
            .replace(&servers.good.url(), "https://127.0.0.1:1"),
    );
    let host = &host;
    std::thread::scope(|scope| {
        for program in PROGRAMS {
            scope.spawn(move || {
                let terminal = start(host, program, Network::Machine);
                let (is_in, seen) = lets_in(terminal, program, "wrong");
                assert!(!is_in, "{program}: {seen}");
            });
        }
    });
}

/// All programs through one cause, side by side.
#[track_caller]
fn check(host: &RealHost, good: &Double, cause: &Cause, table: &mut String) {
    host.write("/etc/security/authentik-ca.pem", &cause.ca);
    let text = configuration(good, "linux-login").replace(&good.url(), &cause.url);
    host.config(&format!("{}{text}", cause.keys));
    host.new_lines();
    let ends = std::thread::scope(|scope| {
        let running = PROGRAMS.map(|program| {
            scope.spawn(move || lets_in(start(host, program, cause.network), program, LOCAL))
        });
        running.map(|thread| thread.join().expect("a program ends"))
    });
    let lines = host.new_lines();
    for (program, (is_in, seen)) in PROGRAMS.into_iter().zip(ends) {
        let log = lines_of(&lines, program);
        let refused = match program {
            "su" | "sudo" => cause.refused,
            _ => None,
        };
        let (code, reason) = match refused {
            Some(reason) => ("PAM_AUTH_ERR", reason),
            None => ("PAM_AUTHINFO_UNAVAIL", ""),
        };
        let name = cause.name;
        let context = format!("{program}: {name}\n{seen}\n{log}");
        assert!(
            log.contains(&format!("auth): {code}: ")),
            "{code}: {context}"
        );
        assert!(log.contains(reason), "{reason}: {context}");
        assert_eq!(is_in, refused.is_none(), "{context}");
        let result = if is_in {
            "in by the local password"
        } else {
            "not in"
        };
        let _ = writeln!(table, "{program:<6} {name:<44} {code:<20} {result}");
    }
}

/// nginx's `limit_req` answers 503 to everyone as soon as somebody floods it, and it
/// says no Retry-After.
const LIMIT: &str = "limit_req zone=clients burst=5 nodelay;";

/// Asks as fast as one process can until it is told to stop, and says when the limit
/// is reached.
const FLOOD: &str = r#"
told=
for ((i = 0; i < 50000; i++)); do
    [ ! -e /tmp/stop ] || break
    exec 3<>/dev/tcp/127.0.0.1/PORT || exit 1
    printf 'GET / HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
    read -r -t 5 line <&3
    exec 3>&-
    case $line in
    *' 503 '*) [ -n "$told" ] || { told=1; echo limited; } ;;
    esac
done
echo "asked $i times"
"#;

#[test]
fn a_rate_limiter_that_somebody_floods_opens_nothing_in_sudo_and_su() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo", "su", "bash");
    let packages = pam_harness::require_packages!("nginx");
    let double = Double::start();
    let host = with_fallback(RealHost::new(&double).packages(&packages)).start();
    let plain = free_port();
    let http = format!(
        "limit_req_zone $binary_remote_addr zone=clients:1m rate=6r/m;\n\
         server {{ listen 127.0.0.1:{plain}; {LIMIT} location / {{ proxy_pass {{authentik}}; }} }}"
    );
    let server = format!("    {LIMIT}\n    location / {{ proxy_pass {{authentik}}; }}");
    let url = start_nginx(&host, &double, &http, &server);
    let text = configuration(&double, "linux-login").replace(&double.url(), &url);
    host.config(&format!("{PINNED}{text}"));

    let script = FLOOD.replace("PORT", &plain.to_string());
    let mut flood = host.terminal("mallory", &["bash", "-c", &script]);
    flood.expect("limited");
    let mut table = String::new();
    for (program, code, expected) in [
        ("su", "PAM_AUTH_ERR", false),
        ("sudo", "PAM_AUTH_ERR", false),
        // Documented: outside of set-uid programs such an answer counts.
        ("sshd", "PAM_AUTHINFO_UNAVAIL", true),
    ] {
        host.new_lines();
        let (is_in, seen) = lets_in(start(&host, program, Network::Machine), program, LOCAL);
        let log = lines_of(&host.new_lines(), program);
        assert!(log.contains("HTTP status 503"), "{program}: {seen}\n{log}");
        assert!(
            log.contains(&format!("auth): {code}: ")),
            "{program}: {seen}\n{log}"
        );
        assert_eq!(log.contains(NOT_IN_SETUID), !expected, "{program}: {log}");
        assert_eq!(is_in, expected, "{program}: {seen}\n{log}");
        let name = "nginx's limit_req, flooded, `addresses`";
        let result = if is_in {
            "in by the local password"
        } else {
            "not in"
        };
        let _ = writeln!(table, "{program:<6} {name:<44} {code:<20} {result}");
    }
    host.write("/tmp/stop", "");
    flood.expect("asked ");
    write_table("unavailable-flooded", &table);
}
