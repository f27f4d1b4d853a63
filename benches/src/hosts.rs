//! Whole programs: how long a person waits with the module, and with `pam_permit` in its place.
//! Everything else is the same.

use crate::job::Job;
use crate::place::write;
use crate::report::{Table, Targets, cell, round};
use crate::scenario::{Bench, PASSWORD, Scenario};
use crate::server::Server;
use crate::stats::Sample;
use crate::{Result, at};
use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The services with the module and with `pam_permit`. sshd's service is named after its
/// program; for sudo the configuration names one for alice and one for bob.
const SERVICES: [(&str, &str, &str); 2] = [
    ("bench-module", "alice", "2001"),
    ("bench-permit", "bob", "2002"),
];

/// All programs that are installed.
pub fn run(
    bench: &Bench<'_>,
    server: &mut Server,
    rounds: usize,
    targets: &mut Targets,
) -> Result<Table> {
    eprintln!("whole programs, {rounds} rounds");
    let mut table = Table::new(
        "Whole programs: milliseconds from their start to their end",
        &[
            "program",
            "with pam_permit",
            "with the module",
            "difference",
            "difference : spread of pam_permit",
        ],
    );
    if let Some(why) = &bench.place.shared {
        table.note(format!("Not measured without accounts of its own: {why}."));
        return Ok(table);
    }
    stacks(bench, server)?;
    for (name, prepare) in [
        ("ssh host true", ssh as Prepare),
        ("sudo -S true", sudo as Prepare),
    ] {
        let measured = prepare(bench).and_then(|programs| compare(&programs, rounds));
        let (module, permit, difference) = match measured {
            Ok(samples) => samples,
            Err(why) => {
                table.row([name.into(), format!("not measured: {why}")]);
                continue;
            }
        };
        let (low, high) = permit.spread();
        let ratio = difference.median() / (high - low);
        table.row([
            name.into(),
            cell(&permit),
            cell(&module),
            cell(&difference),
            format!("{} ×", round(ratio)),
        ]);
        if name.starts_with("ssh") {
            let what = "ssh host true: difference to pam_permit : the latter's quartiles";
            targets.at_most(what, " ×", 1.0, ratio);
        }
    }
    Ok(table)
}

type Prepare = fn(&Bench<'_>) -> Result<Programs>;

/// How to run a program with either service.
struct Programs {
    run: Box<dyn Fn(usize) -> Result<()>>,
    /// Stops the servers that belong to it.
    _servers: Vec<Running>,
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The module's times, `pam_permit`'s, and their differences, pair by pair.
fn compare(programs: &Programs, rounds: usize) -> Result<(Sample, Sample, Sample)> {
    let (mut module, mut permit, mut differences) = Default::default();
    for round in 0..=rounds {
        let mut times = [0.0; 2];
        for turn in 0..2 {
            let which = (turn + round) % 2;
            let begun = Instant::now();
            (programs.run)(which)?;
            times[which] = begun.elapsed().as_secs_f64() * 1000.0;
        }
        // The first pair warms the caches.
        if round > 0 {
            Sample::push(&mut module, times[0]);
            Sample::push(&mut permit, times[1]);
            Sample::push(&mut differences, times[0] - times[1]);
        }
    }
    Ok((module, permit, differences))
}

fn stacks(bench: &Bench<'_>, server: &Server) -> Result<()> {
    let job = bench.job(&Scenario::password(), server, server.port)?;
    let module = fs::read_to_string(job.confdir.join("module")).map_err(at("the stack"))?;
    for (service, auth) in [
        ("bench-module", module.as_str()),
        ("bench-permit", "auth required pam_permit.so\n"),
    ] {
        let text =
            format!("{auth}account required pam_permit.so\nsession required pam_permit.so\n");
        write(&bench.place.path("pam.d").join(service), &text, 0o644)?;
    }
    Ok(())
}

fn program(candidates: &[&str]) -> Result<PathBuf> {
    let found = candidates.iter().map(Path::new).find(|path| path.exists());
    found
        .map(Path::to_owned)
        .ok_or_else(|| format!("there is no {}", candidates[0]))
}

/// A folder with a host key, and a program that gives the password.
fn prepare_ssh(bench: &Bench<'_>) -> Result<(PathBuf, PathBuf)> {
    let directory = bench.place.directory("ssh")?;
    let key = directory.join("host_key");
    if !key.exists() {
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(&key)
            .status()
            .map_err(at("ssh-keygen"))?;
        if !made.success() {
            return Err("ssh-keygen made no key".into());
        }
    }
    // Debian's sshd needs an empty directory, which its service creates.
    let _ = fs::create_dir_all("/run/sshd");
    let answer = directory.join("answer");
    write(&answer, &format!("#!/bin/sh\necho {PASSWORD}\n"), 0o755)?;
    Ok((directory, answer))
}

fn ssh(bench: &Bench<'_>) -> Result<Programs> {
    let sshd = program(&["/usr/sbin/sshd", "/usr/bin/sshd"])?;
    let client = program(&["/usr/bin/ssh"])?;
    let (directory, answer) = prepare_ssh(bench)?;
    let (mut ports, mut servers) = (Vec::new(), Vec::new());
    for (service, ..) in SERVICES {
        let (server, port) = start_sshd(&directory, &sshd, service)?;
        servers.push(server);
        ports.push(port);
    }
    let run = move |which: usize| {
        let command = ssh_command(&client, &answer, ports[which], SERVICES[which].1);
        finish(command, None)
    };
    Ok(Programs {
        run: Box::new(run),
        _servers: servers,
    })
}

/// An sshd with the service's name, and with the key of its folder.
fn start_sshd(directory: &Path, sshd: &Path, service: &str) -> Result<(Running, u16)> {
    let port = free_port()?;
    let name = directory.join(service);
    let _ = fs::remove_file(&name);
    symlink(sshd, &name).map_err(at(name.display()))?;
    let config = directory.join(format!("{service}.conf"));
    let text = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nUsePAM yes\n\
         PasswordAuthentication yes\nKbdInteractiveAuthentication no\nStrictModes no\n\
         UseDNS no\nPrintMotd no\nPrintLastLog no\nLogLevel ERROR\n",
        directory.join("host_key").display()
    );
    write(&config, &text, 0o600)?;
    let child = Command::new(&name)
        .args(["-D", "-e", "-f"])
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(at("sshd"))?;
    let server = Running(child);
    wait_for(port)?;
    Ok((server, port))
}

/// A client that runs `true` as `user` and sends one password.
fn ssh_command(client: &Path, answer: &Path, port: u16, user: &str) -> Command {
    let mut command = Command::new(client);
    command
        .args(["-F", "/dev/null", "-p", &port.to_string()])
        .env("SSH_ASKPASS", answer)
        .env("SSH_ASKPASS_REQUIRE", "force")
        .env("DISPLAY", ":0");
    for option in [
        "UserKnownHostsFile=/dev/null",
        "StrictHostKeyChecking=no",
        "PreferredAuthentications=password",
        "NumberOfPasswordPrompts=1",
        "LogLevel=ERROR",
    ] {
        command.args(["-o", option]);
    }
    command.arg(format!("{user}@127.0.0.1")).arg("true");
    command
}

/// An sshd whose logins go through the module, by the configuration of a job.
pub(crate) struct Sshd {
    _server: Running,
    port: u16,
    client: PathBuf,
    answer: PathBuf,
}

impl Sshd {
    /// alice logs in.
    pub(crate) fn client(&self) -> Result<Child> {
        ssh_command(&self.client, &self.answer, self.port, "alice")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(at("ssh"))
    }
}

/// Starts it.
pub(crate) fn sshd_for(bench: &Bench<'_>, job: &Job) -> Result<Sshd> {
    let sshd = program(&["/usr/sbin/sshd", "/usr/bin/sshd"])?;
    let client = program(&["/usr/bin/ssh"])?;
    let (directory, answer) = prepare_ssh(bench)?;
    let auth = fs::read_to_string(job.confdir.join("module")).map_err(at("the stack"))?;
    let text = format!("{auth}account required pam_permit.so\nsession required pam_permit.so\n");
    write(&bench.place.path("pam.d").join("bench-many"), &text, 0o644)?;
    let (server, port) = start_sshd(&directory, &sshd, "bench-many")?;
    Ok(Sshd {
        _server: server,
        port,
        client,
        answer,
    })
}

fn sudo(_: &Bench<'_>) -> Result<Programs> {
    let sudo = program(&["/usr/bin/sudo"])?;
    let setpriv = program(&["/usr/bin/setpriv"])?;
    let run = move |which: usize| {
        let uid = SERVICES[which].2;
        let mut command = Command::new(&setpriv);
        command
            .args(["--reuid", uid, "--regid", uid, "--clear-groups"])
            .arg(&sudo)
            .args(["-S", "-p", "", "/bin/true"]);
        finish(command, Some(PASSWORD))
    };
    Ok(Programs {
        run: Box::new(run),
        _servers: Vec::new(),
    })
}

fn finish(mut command: Command, input: Option<&str>) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(input.map_or_else(Stdio::null, |_| Stdio::piped()))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(at(&name))?;
    if let (Some(mut stdin), Some(text)) = (child.stdin.take(), input) {
        // A process that asks nothing need not read the answer.
        let _ = writeln!(stdin, "{text}");
    }
    let output = child.wait_with_output().map_err(at(&name))?;
    if output.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!("{name}: {}", errors.trim()))
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(at("a port"))?;
    Ok(listener.local_addr().map_err(at("a port"))?.port())
}

fn wait_for(port: u16) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(5) {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(());
        }
        sleep(Duration::from_millis(20));
    }
    Err("sshd does not listen".into())
}
