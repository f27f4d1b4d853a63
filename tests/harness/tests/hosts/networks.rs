//! sudo and su in a network that their caller has made, as a set-uid sandbox makes one. There
//! the caller lets any address refuse, and shows any certificate.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;

use authentik_double::{Certificate, Double};
use nix::sched::{CloneFlags, unshare};
use pam_harness::Module;
use pam_harness::host::{RealHost, configuration, stacks};

use crate::case::LOCAL;

/// A port below 1024: no ordinary user can listen there.
const PORT: u16 = 947;
/// Nobody listens there.
const CLOSED: u16 = 948;
const NOT_PROVED: &str = "not counted as unavailable: in a set-uid program it counts only in the host's own network, and this process is not proved to be in it";

/// A separate network.
pub(crate) struct Network {
    namespace: File,
}

impl Network {
    /// Makes one in which only loopback is up, and does something in it.
    pub(crate) fn make<T: Send>(inside: impl FnOnce() -> T + Send) -> (Network, T) {
        let in_it = || {
            unshare(CloneFlags::CLONE_NEWNET).expect("a namespace of networks");
            let loopback = Command::new("ip")
                .args(["link", "set", "lo", "up"])
                .status();
            assert!(loopback.is_ok_and(|status| status.success()), "ip");
            let namespace = File::open("/proc/thread-self/ns/net").expect("the namespace");
            (Network { namespace }, inside())
        };
        std::thread::scope(|scope| scope.spawn(in_it).join().expect("the thread ends"))
    }

    /// Where other processes of the machine find it.
    pub(crate) fn path(&self) -> PathBuf {
        let (process, file) = (std::process::id(), self.namespace.as_raw_fd());
        format!("/proc/{process}/fd/{file}").into()
    }
}

fn host(double: &Double, has_systemd: bool) -> RealHost {
    let mut builder = RealHost::new(double).local_password("alice");
    for service in ["sudo", "su"] {
        builder = builder.stack(service, &stacks::with_way(service, "authentik-fallback"));
    }
    match has_systemd {
        true => builder.start(),
        false => builder.without_systemd().start(),
    }
}

/// Replaces the port of authentik.
fn at_port(host: &RealHost, double: &Double, port: u16) {
    let url = format!("https://127.0.0.1:{port}");
    host.config(&configuration(double, "linux-login").replace(&double.url(), &url));
}

/// Whether the local password alone is enough for sudo and su, which a shell of root starts in
/// the place of `COMMAND`, or a shell of the caller in that of `PLAIN`. The text has what is
/// wrong: a refusal for which the log does not give `reason`.
fn opens(host: &RealHost, shell: &str, reason: &str) -> [Result<bool, String>; 2] {
    let programs = [
        ("carol", "su alice -c 'echo in'"),
        ("alice", "sudo -k echo in"),
    ];
    programs.map(|(caller, command)| {
        host.new_lines();
        let id = host.uid(caller);
        let by_caller = format!("setpriv --reuid={id} --regid={id} --clear-groups {command}");
        let script = shell
            .replace("COMMAND", &by_caller)
            .replace("PLAIN", command);
        let mut terminal = host.terminal("root", &["sh", "-c", &script]);
        let asked = terminal.expect_or_end(&["assword: ", "assword for "]);
        if asked.is_some() {
            terminal.send_secret(LOCAL);
        }
        let ended = terminal.finish();
        let log = host.new_lines().join("\n");
        let is_in = ended.transcript.ends_with("in\n");
        let expected = match is_in {
            true => "PAM_AUTHINFO_UNAVAIL",
            false => reason,
        };
        if log.contains(expected) {
            return Ok(is_in);
        }
        Err(format!("{command}: {}\n{log}", ended.transcript))
    })
}

/// A process of the caller is the first one of a sandbox, and listens where systemd does.
const PRETENDER: &str = r#"mount -t tmpfs -o mode=1777 none /run/systemd
exec setpriv --reuid=2001 --regid=2001 --clear-groups python3 -c '
import os, socket
listener = socket.socket(socket.AF_UNIX)
listener.bind("/run/systemd/private")
listener.listen()
if os.fork() == 0:
    os.execvp("sh", ["sh", "-c", os.environ["INSIDE"]])
os.wait()'"#;

#[test]
fn a_network_of_the_callers_opens_nothing() {
    pam_harness::require_real_host!("su", "sudo", "ip", "unshare", "setpriv", "mount", "python3");
    // authentik is up, in the host's own network.
    let double = Double::builder().port(PORT).start();
    let host = host(&double, true);
    at_port(&host, &double, PORT);
    let (refusing, ()) = Network::make(|| ());
    let (forged, _server) = Network::make(|| {
        let server = Double::builder().certificate(Certificate::OtherCa);
        server.port(PORT).start()
    });
    // In each the first process is in the same network, and belongs to root, as firejail's does.
    let sandbox = "unshare --pid --fork --mount-proc sh -c \"COMMAND; exit\"";
    let pretender = format!(
        "export INSIDE=\"PLAIN\"\nPRETENDER=$(cat <<'END'\n{PRETENDER}\nEND\n)\n\
         exec unshare --pid --fork --mount-proc sh -c \"$PRETENDER\""
    );
    let mut wrong = String::new();
    for (network, what) in [(&refusing, "a reset"), (&forged, "a certificate")] {
        host.network(Some(&network.path()));
        for (name, shell, reason) in [
            ("the network alone", "exec COMMAND", NOT_PROVED),
            ("and processes", sandbox, NOT_PROVED),
            (
                "and processes, with the /proc of the host",
                "unshare --pid --fork sh -c \"COMMAND; exit\"",
                NOT_PROVED,
            ),
            // Another reason comes first there.
            (
                "and no /proc",
                "exec unshare --mount sh -c \"mount -t tmpfs none /proc; exec COMMAND\"",
                "PAM_AUTH_ERR",
            ),
            ("and a systemd of the caller's", &pretender, NOT_PROVED),
        ] {
            for result in opens(&host, shell, reason) {
                if result != Ok(false) {
                    wrong += &format!("\n{what}, {name}: {result:?}");
                }
            }
        }
        host.machines_pids(true);
        for result in opens(&host, "exec COMMAND", NOT_PROVED) {
            if result != Ok(false) {
                wrong += &format!("\n{what}, and a /proc of other processes: {result:?}");
            }
        }
        host.machines_pids(false);
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_hosts_network_is_that_of_its_own_first_process() {
    pam_harness::require_real_host!("su", "sudo", "unshare", "setpriv", "mount");
    let double = Double::start();
    let with_systemd = host(&double, true);
    let without = host(&double, false);
    for host in [&with_systemd, &without] {
        at_port(host, &double, CLOSED);
    }
    let own_proc = "exec unshare --mount sh -c \"mount -t proc proc /proc; exec COMMAND\"";
    let sandbox = "unshare --pid --fork --mount-proc sh -c \"COMMAND; exit\"";
    for (name, host, shell, expected) in [
        (
            "a container with systemd",
            &with_systemd,
            "exec COMMAND",
            true,
        ),
        // Nothing tells it from a sandbox.
        (
            "a container without systemd",
            &without,
            "exec COMMAND",
            false,
        ),
        (
            "a sandbox with the host's network",
            &with_systemd,
            sandbox,
            false,
        ),
    ] {
        let results = opens(host, shell, NOT_PROVED);
        assert_eq!(results, [Ok(expected), Ok(expected)], "{name}");
    }
    // A host whose init is not systemd: there the kernel's first process is the init.
    without.machines_pids(true);
    let results = opens(&without, own_proc, NOT_PROVED);
    let expected = is_initial_and_visible();
    assert_eq!(results, [Ok(expected), Ok(expected)]);
}

/// The same with the machine's real systemd, which is the first process of a container.
#[test]
fn the_network_of_a_real_systemd_is_the_hosts() {
    pam_harness::require_real_host!("systemctl", "unshare", "nsenter", "su", "ip", "setpriv");
    let double = Double::start();
    let config = configuration(&double, "linux-login");
    let config = config.replace("ca_file = \"/etc/security/authentik-ca.pem\"\n", "");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config.toml");
    std::fs::write(&file, config).expect("the configuration");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/command/booted.sh");
    let output = Command::new(script)
        .args(["/bin/true".as_ref(), Module::built().path(), &file])
        .arg("fallback")
        .output()
        .expect("the script");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if output.status.code() == Some(77) {
        pam_harness::skip!("{}", said.lines().last().unwrap_or_default());
    }
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("open in the network of systemd: ok"),
        "{said}"
    );
    assert!(said.contains("shut elsewhere: ok"), "{said}");
}

/// Whether this process has the machine's own process IDs and network, and root may see the
/// network of the first one. In some sandboxes it may not.
fn is_initial_and_visible() -> bool {
    let inode = |path: &str| std::fs::metadata(path).ok().map(|found| found.ino());
    let network = inode("/proc/1/ns/net");
    inode("/proc/self/ns/pid") == Some(0xEFFF_FFFC)
        && network.is_some()
        && network == inode("/proc/self/ns/net")
}
