//! The programs, and whether a local password is enough for them.

use authentik_double::Double;
use pam_harness::host::{RealHost, RealHostBuilder, Terminal, stacks};

pub(super) const PROGRAMS: [&str; 4] = ["su", "sudo", "sshd", "login"];

pub(super) fn host(double: &Double) -> RealHost {
    with_fallback(RealHost::new(double)).start()
}

pub(super) fn with_fallback(builder: RealHostBuilder) -> RealHostBuilder {
    PROGRAMS
        .iter()
        .fold(builder.local_password("alice"), |builder, program| {
            builder.stack(program, &stacks::with_way(program, "authentik-fallback"))
        })
}

/// Where a program runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Network {
    /// In the machine's network.
    Machine,
    /// In a network without routes and with loopback down: the kernel reports that the network
    /// is unreachable.
    None,
}

/// Starts a program for alice, or for a user who becomes alice.
pub(super) fn start(host: &RealHost, program: &str, network: Network) -> Terminal {
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

/// Whether this password alone lets alice in, and the screen.
pub(super) fn lets_in(mut terminal: Terminal, program: &str, password: &str) -> (bool, String) {
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

/// The module's lines of one program, among those that were read from the log.
pub(super) fn lines_of(lines: &[String], program: &str) -> String {
    let prefix = format!("pam_authentik_flow({program}:");
    let of_program = lines.iter().filter(|line| line.contains(&prefix));
    of_program.cloned().collect::<Vec<_>>().join("\n")
}
