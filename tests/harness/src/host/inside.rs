//! What happens inside a host: its first process, and the jobs that enter it.

use super::mounts;
use crate::codes::{Call, Item};
use crate::script::PluggedKey;
use crate::terminal;
use crate::transaction::Transaction;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{SigHandler, Signal};
use nix::sys::wait::waitpid;
use nix::unistd::{Gid, Uid, setgid, setgroups, setsid, setuid};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The parts of a host, except the files that are written into it later.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// An empty directory outside the host.
    pub scratch: PathBuf,
    /// The socket behind the host's `/dev/log`.
    pub dev_log: PathBuf,
    /// Where the system's PAM modules are.
    pub modules: PathBuf,
    /// The files that packages would have installed, laid over the machine's files.
    pub packages: Option<PathBuf>,
    /// The security keys that are plugged in.
    #[serde(default)]
    pub keys: Vec<PluggedKey>,
    /// Whether the first process listens where systemd does.
    pub systemd: bool,
}

/// What to do inside.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Job {
    /// Runs a program.
    Run {
        /// The path of the terminal that becomes its controlling terminal.
        terminal: Option<PathBuf>,
        /// Who runs it: user, group.
        user: (u32, u32),
        /// Its environment, and nothing else.
        environment: Vec<(String, String)>,
        /// Its name and its arguments.
        command: Vec<String>,
        /// What logind says about its session.
        #[serde(default)]
        session: Option<String>,
        /// Where it runs, if not where the first process does.
        #[serde(default)]
        place: Place,
    },
    /// Writes standard input to a file, and creates the file's directories.
    Put {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// Its owner.
        owner: u32,
    },
}

/// Where a program runs that shares only a part of its host.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Place {
    /// The namespace of networks, outside the host.
    pub network: Option<PathBuf>,
    /// Whether it has the machine's process IDs.
    pub machines_pids: bool,
}

/// The path of this program inside.
pub(crate) const PROGRAM: &str = "/run/host-run";

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|e| format!("this is no plan or job: {e}"))
}

fn failed<E: std::fmt::Display>(what: impl std::fmt::Display) -> impl FnOnce(E) -> String {
    move |e| format!("{what}: {e}")
}

/// Makes the namespaces and the first process in them. Prints its process ID on standard output
/// and waits for it.
///
/// # Errors
///
/// What the kernel refused.
pub fn make_host(plan: &str) -> Result<u8, String> {
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWPID)
        .map_err(failed("the kernel refuses private namespaces"))?;
    let me = std::env::current_exe().map_err(failed("my own path"))?;
    let mut first = Command::new(me)
        .args(["first", plan])
        .spawn()
        .map_err(failed("the first process"))?;
    println!("{}", first.id());
    exit_status(&mut first)
}

/// The first process: sets up the mounts, prints `ready`, then waits for orphans until standard
/// input ends. Everything that runs inside ends with it.
///
/// # Errors
///
/// Which mount was refused.
pub fn first_process(plan: &str) -> Result<u8, String> {
    let plan: Plan = parse(plan)?;
    let me = std::env::current_exe().map_err(failed("my own path"))?;
    mounts::arrange(&plan, &me)?;
    if plan.systemd {
        listen_as_systemd()?;
    }
    nix::unistd::sethostname("host").map_err(failed("the host's name"))?;
    println!("ready");
    std::thread::spawn(|| {
        // The test has ended, with or without success.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    loop {
        if waitpid(None, None).is_err() {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Listens where systemd, as the first process of a host or a container, listens for
/// systemctl. The kernel tells a client the ID of the process that listens.
fn listen_as_systemd() -> Result<(), String> {
    let path = Path::new("/run/systemd/private");
    fs::create_dir_all("/run/systemd").map_err(failed("/run/systemd"))?;
    let listener = UnixListener::bind(path).map_err(failed(path.display()))?;
    fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(failed(path.display()))?;
    std::thread::spawn(move || listener.incoming().for_each(drop));
    Ok(())
}

/// Does a job in the namespaces of the process with this ID, and returns its status.
///
/// # Errors
///
/// When they cannot be entered.
pub fn enter(pid: &str, job: &str) -> Result<u8, String> {
    let open = |kind: &str| {
        let path = format!("/proc/{pid}/ns/{kind}");
        File::open(&path).map_err(failed(path))
    };
    let place = match parse(job)? {
        Job::Run { place, .. } => place,
        Job::Put { .. } => Place::default(),
    };
    // All are opened first, because process IDs differ inside.
    let mut namespaces = vec![(open("uts")?, CloneFlags::CLONE_NEWUTS)];
    if let Some(path) = &place.network {
        let network = File::open(path).map_err(failed(path.display()))?;
        namespaces.push((network, CloneFlags::CLONE_NEWNET));
    }
    if !place.machines_pids {
        namespaces.push((open("pid")?, CloneFlags::CLONE_NEWPID));
    }
    namespaces.push((open("mnt")?, CloneFlags::CLONE_NEWNS));
    for (namespace, kind) in &namespaces {
        setns(namespace, *kind).map_err(failed("the namespaces cannot be entered"))?;
    }
    // Only a child process enters the namespace of processes.
    let mut child = Command::new(PROGRAM)
        .args(["job", job])
        .spawn()
        .map_err(failed(PROGRAM))?;
    exit_status(&mut child)
}

/// The exit status, as a shell reports it.
fn exit_status(child: &mut std::process::Child) -> Result<u8, String> {
    let status = child.wait().map_err(failed("waiting for a process"))?;
    let number = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(125);
    Ok(u8::try_from(number).unwrap_or(125))
}

/// Does a job inside the host.
///
/// # Errors
///
/// What went wrong.
pub fn do_job(job: &str) -> Result<u8, String> {
    match parse(job)? {
        Job::Run {
            terminal,
            user: (uid, gid),
            environment,
            command,
            session,
            place: _,
        } => {
            if let Some(session) = session {
                crate::namespace::join_session(&session)?;
            }
            setsid().map_err(failed("a session of its own"))?;
            take_signals()?;
            if let Some(path) = terminal {
                // If the first process of a session has no terminal, the first terminal that it
                // opens becomes its controlling terminal.
                let _kept_by_the_session = File::options()
                    .read(true)
                    .write(true)
                    .open(&path)
                    .map_err(failed(path.display()))?;
            }
            if uid != 0 {
                setgroups(&[]).map_err(failed("its groups"))?;
                setgid(Gid::from_raw(gid)).map_err(failed("its group"))?;
                setuid(Uid::from_raw(uid)).map_err(failed("its user"))?;
            }
            let (program, arguments) = command.split_first().ok_or("no command")?;
            let error = Command::new(program)
                .args(arguments)
                .env_clear()
                .envs(environment)
                .current_dir("/")
                .exec();
            Err(format!("{program}: {error}"))
        }
        Job::Put { path, mode, owner } => put(&path, mode, owner).map(|()| 0),
    }
}

/// Resets the signals of a terminal, as a login does. Tests that run in the background of a
/// shell ignore them, and a program would inherit that.
fn take_signals() -> Result<(), String> {
    for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT] {
        // SAFETY: the default action is no handler, so none of our code runs in it.
        let earlier = unsafe { nix::sys::signal::signal(signal, SigHandler::SigDfl) };
        earlier.map_err(failed(signal))?;
    }
    Ok(())
}

fn put(path: &Path, mode: u32, owner: u32) -> Result<(), String> {
    let mut text = Vec::new();
    io::stdin()
        .read_to_end(&mut text)
        .map_err(failed("standard input"))?;
    let directory = path.parent().unwrap_or(Path::new("/"));
    if !directory.is_dir() {
        fs::create_dir_all(directory).map_err(failed(directory.display()))?;
        chown(directory, Some(owner), Some(owner)).map_err(failed(directory.display()))?;
    }
    fs::write(path, text)
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(mode)))
        .and_then(|()| chown(path, Some(owner), Some(owner)))
        .map_err(failed(path.display()))
}

/// An application without privileges, like a screen locker: asks for the secrets of `user` at
/// standard input, and prints the code. It may set a terminal of its choice (`PAM_TTY`).
///
/// # Errors
///
/// When there is no transaction.
pub fn login_as(service: &str, user: &str, tty: Option<&str>) -> Result<u8, String> {
    let conversation = terminal::Terminal::new(|| {});
    let mut pam = Transaction::start(service, Some(user), Path::new("/etc/pam.d"), conversation)
        .map_err(|code| format!("pam_start: {code}"))?;
    if let Some(tty) = tty {
        pam.set_item(Item::Tty, tty)
            .map_err(|code| format!("PAM_TTY: {code}"))?;
    }
    let mut code = pam.call(Call::Authenticate, 0);
    if code == "PAM_SUCCESS" {
        code = pam.call(Call::AcctMgmt, 0);
    }
    let unlocked = code == "PAM_SUCCESS";
    let word = if unlocked { "unlocked" } else { "still locked" };
    writeln!(io::stdout(), "{word}: {code}").map_err(failed("standard output"))?;
    pam.end();
    Ok(u8::from(!unlocked))
}

/// Floods the host's log for this many seconds: see
/// [`RealHost::flood`](super::RealHost::flood).
///
/// # Errors
/// When there is no log, or the argument is not a number.
pub fn flood(seconds: &str) -> Result<u8, String> {
    let seconds = seconds.parse().map_err(failed(seconds))?;
    let written = crate::syslog::flood(Duration::from_secs(seconds)).map_err(failed("/dev/log"))?;
    writeln!(io::stdout(), "{written} lines").map_err(failed("standard output"))?;
    Ok(0)
}
