//! What the caller of sudo and su controls: variables, limits, descriptors.

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use authentik_double::Double;
use pam_harness::host::RealHost;

use crate::bench::PASSWORD;

/// The password that the attacker chose at their own server.
const ROGUE: &str = "chosen-by-the-attacker";

/// A proxy that connects everyone to the attacker's server, and counts connections.
struct Trap {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Trap {
    fn start(rogue: u16) -> Trap {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port for the trap");
        let port = listener.local_addr().expect("its address").port();
        let connections = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&connections);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || connect(client, rogue));
            }
        });
        Trap { port, connections }
    }
}

fn connect(mut client: TcpStream, rogue: u16) -> std::io::Result<u64> {
    use std::io::Write;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, rogue))?;
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    std::thread::spawn(move || std::io::copy(&mut from, &mut to));
    std::io::copy(&mut server, &mut client)
}

/// All variables that the libraries of the module might read.
fn sets(trap: u16) -> Vec<(&'static str, Vec<String>)> {
    let proxies = [
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "ALL_PROXY",
        "FTP_PROXY",
        "SOCKS_PROXY",
    ];
    let both = |name: &str, value: &str| {
        [
            format!("{name}={value}"),
            format!("{}={value}", name.to_lowercase()),
        ]
    };
    let trust = [
        "SSL_CERT_FILE=/tmp/evil/ca.pem",
        "SSL_CERT_DIR=/tmp/evil",
        "CURL_CA_BUNDLE=/tmp/evil/ca.pem",
        "REQUESTS_CA_BUNDLE=/tmp/evil/ca.pem",
        "NIX_SSL_CERT_FILE=/tmp/evil/ca.pem",
        "OPENSSL_CONF=/tmp/evil/openssl.cnf",
        "SSLKEYLOGFILE=/tmp/evil/keys",
    ];
    let mut attack: Vec<String> = trust.map(str::to_owned).to_vec();
    let url = format!("http://127.0.0.1:{trap}");
    for name in proxies {
        attack.extend(both(name, &url));
    }
    attack.extend(both("NO_PROXY", ""));
    let names = [
        "RES_OPTIONS=attempts:1 timeout:1 debug",
        "HOSTALIASES=/tmp/evil/aliases",
        "LOCALDOMAIN=evil.example",
        "RESOLV_HOST_CONF=/tmp/evil/host.conf",
        "LD_PRELOAD=/tmp/evil/ca.pem",
        "LD_LIBRARY_PATH=/tmp/evil",
        "LD_AUDIT=/tmp/evil/ca.pem",
        "GCONV_PATH=/tmp/evil",
        "LOCPATH=/tmp/evil",
        "NLSPATH=/tmp/evil/%N",
        "MALLOC_ARENA_MAX=1",
        "MALLOC_PERTURB_=42",
        "MALLOC_CHECK_=3",
        "GLIBC_TUNABLES=glibc.malloc.check=3:glibc.malloc.perturb=42",
        "TMPDIR=/tmp/evil",
        "TEMP=/tmp/evil",
        "TMP=/tmp/evil",
        "HOME=/tmp/evil",
        "XDG_CONFIG_HOME=/tmp/evil",
        "XDG_CONFIG_DIRS=/tmp/evil",
        "XDG_DATA_HOME=/tmp/evil",
        "XDG_CACHE_HOME=/tmp/evil",
        "XDG_RUNTIME_DIR=/tmp/evil",
        "RUST_LOG=trace",
        "RUST_BACKTRACE=full",
        "RUST_LIB_BACKTRACE=1",
        "RUST_MIN_STACK=1",
        "LANG=de_DE.UTF-8",
        "LANGUAGE=de",
        "LC_ALL=../../tmp/evil",
        "TZ=:/tmp/evil/ca.pem",
        "USER=root",
        "LOGNAME=root",
        "AUTHENTIK_HOST=https://evil.example",
        "AUTHENTIK_TOKEN=x",
        "PAM_AUTHENTIK_FLOW_SO=/tmp/evil/ca.pem",
    ];
    let nonsense = proxies
        .iter()
        .flat_map(|name| both(name, "\u{1b}[31m://\u{ff}%s%n"))
        .chain(
            [
                "SSL_CERT_FILE",
                "SSL_CERT_DIR",
                "TZ",
                "LANG",
                "HOME",
                "TMPDIR",
            ]
            .map(|name| format!("{name}=/dev/full")),
        );
    let mut all = attack.clone();
    all.extend(names.map(str::to_owned));
    vec![
        ("nothing", Vec::new()),
        ("an attack", all),
        ("nonsense", nonsense.collect()),
    ]
}

/// The result, and the module's line without the parts that always differ.
fn run(
    host: &RealHost,
    who: &str,
    command: &[&str],
    variables: &[String],
    typed: &str,
) -> (i32, String, String) {
    host.new_lines();
    let variables: Vec<&str> = variables.iter().map(String::as_str).collect();
    let mut terminal = host.terminal(who, &[&["env"], variables.as_slice(), command].concat());
    terminal.answer("assword", typed);
    let ended = terminal.finish();
    let line = host.new_lines().join("\n");
    let words = line.split(' ').filter(|word| {
        !word.starts_with("ms=") && !word.starts_with("tty=") && !word.contains('[')
    });
    let line = words.collect::<Vec<_>>().join(" ");
    (ended.status, ended.transcript, line)
}

#[test]
fn nothing_that_a_caller_sets_changes_which_server_is_trusted() {
    pam_harness::require_real_host!("sudo", "su");
    let double = Double::builder().without_pause().start();
    let rogue = Double::builder().without_pause().start();
    rogue.world(|world| {
        for user in ["alice", "bob"] {
            world.user_mut(user).password = ROGUE.to_owned();
        }
        world.add_user(authentik_double::User::new("root").password(ROGUE));
    });
    let trap = Trap::start(rogue.port());
    // Without ca_file, where SSL_CERT_FILE could replace the bundle.
    let config = pam_harness::host::configuration(&double, "linux-login");
    let config: String = config
        .lines()
        .filter(|line| !line.starts_with("ca_file"))
        .map(|line| format!("{line}\n"))
        .collect();
    let host = RealHost::new(&double)
        .config(&config)
        .file(
            "/etc/sudoers",
            "Defaults !lecture,passwd_tries=1,timestamp_timeout=0\nALL ALL=(ALL:ALL) ALL\n",
            0o440,
        )
        .start();
    for bundle in [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    ] {
        host.write(bundle, double.ca_pem());
    }
    // Trusting this file means trusting the attacker's server, and no longer the right one.
    let evil = rogue.ca_pem();
    host.put("/tmp/evil/ca.pem", evil.as_bytes(), 0o644, host.uid("bob"));
    host.put(
        "/tmp/evil/aliases",
        b"localhost evil.example\n",
        0o644,
        host.uid("bob"),
    );
    let files = || host.output("root", &["ls", "-A", "/tmp/evil"]).stdout;
    let before = files();
    let su = ["su", "alice", "-c", "id -un"];
    let sudo = ["sudo", "-k", "id", "-un"];
    for (who, command, name) in [("bob", &su[..], "alice"), ("alice", &sudo[..], "root")] {
        for typed in [PASSWORD, ROGUE] {
            let mut first = None;
            for (what, variables) in sets(trap.port) {
                let (status, seen, line) = run(&host, who, command, &variables, typed);
                let gets_in = typed == PASSWORD;
                assert_eq!(
                    status == 0,
                    gets_in,
                    "{what}, {command:?}, {typed}: {seen}\n{line}"
                );
                assert_eq!(
                    seen.lines().any(|line| line == name),
                    gets_in,
                    "{what}: {seen}"
                );
                let code = if gets_in {
                    "PAM_SUCCESS"
                } else {
                    "PAM_AUTH_ERR"
                };
                assert!(line.contains(code), "{what}: {line}");
                let first = first.get_or_insert_with(|| (line.clone(), seen.clone()));
                assert_eq!(first.0, line, "{what} changes the log");
                if what == "nonsense" {
                    assert_eq!(first.1, seen, "{what} changes what the person sees");
                }
            }
        }
    }
    assert_eq!(
        trap.connections.load(Ordering::SeqCst),
        0,
        "something connected to the trap"
    );
    assert_eq!(
        rogue.connections(),
        0,
        "the module connected to the attacker's server"
    );
    assert_eq!(
        files(),
        before,
        "a file was written to a folder of the caller's choice"
    );
}

/// What a shell can remove before it starts su or sudo. Their own work after the login may
/// fail; the login does not.
#[test]
fn a_caller_without_limits_folder_or_descriptors_is_logged_in() {
    pam_harness::require_real_host!("sudo", "su");
    let double = Double::builder().without_pause().start();
    let host = RealHost::new(&double)
        .file(
            "/etc/sudoers",
            "Defaults !lecture,passwd_tries=1,timestamp_timeout=0\nALL ALL=(ALL:ALL) ALL\n",
            0o440,
        )
        .start();
    let su = "su alice -c 'id -un'";
    let sudo = "sudo -k id -un";
    for (what, take) in [
        ("no process more", "ulimit -u 1"),
        ("few descriptors", "ulimit -n 24"),
        ("a stack of 256 KiB", "ulimit -s 256"),
        ("no byte of a file", "ulimit -f 0"),
        ("no core", "ulimit -c 0"),
        ("no descriptors", "exec <&- >&- 2>&-"),
        (
            "a folder that is gone",
            "mkdir /tmp/gone && cd /tmp/gone && rmdir /tmp/gone",
        ),
        ("all files for all", "umask 0"),
        ("signals ignored", "trap '' PIPE ALRM CHLD USR1 TERM"),
    ] {
        for (who, name, command) in [("bob", "alice", su), ("alice", "alice", sudo)] {
            host.new_lines();
            if command == su && what == "no descriptors" {
                // It asks over these descriptors, and ends without a question.
                continue;
            }
            println!("{what}, {command}");
            let script = format!("{take}; exec {command}");
            let mut terminal = host.terminal(who, &["sh", "-c", &script]);
            terminal.answer("assword", PASSWORD);
            let ended = terminal.finish();
            let lines = host.new_lines();
            let line = lines.iter().find(|line| line.contains(":auth)"));
            let proved = line.is_some_and(|line| {
                line.contains("PAM_SUCCESS") && line.contains(&format!("user={name}"))
            });
            assert!(
                proved,
                "{what}, {command}: {}\n{lines:#?}",
                ended.transcript
            );
        }
    }
}
