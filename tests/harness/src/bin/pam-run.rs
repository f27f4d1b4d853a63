//! One PAM transaction through the real libpam.
//!
//! Reads a script (`pam_harness::script::Script`) from standard input as JSON,
//! plays it, and writes a report (`pam_harness::script::Report`) to standard
//! output. `pam-run --probe DIRECTORY` tells instead whether this user may have
//! the private mount namespace that scripts ask for, and `pam-run --within PLAN
//! COMMAND...` becomes that command in one, as `pam_harness::host` asks for it.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction, signal};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Uid, setresuid};
use pam_harness::codes::{Call, Code, Item};
use pam_harness::host_state::HostState;
use pam_harness::memory;
use pam_harness::namespace;
use pam_harness::player::Player;
use pam_harness::script::{CallReport, Limit, ProcessOptions, Report, Rounds, Script};
use pam_harness::transaction::Transaction;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Memory that this program frees is wiped: an answer that it gave is a secret, and tests
/// search its memory for it.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let result = match arguments.next() {
        Some(flag) if flag == "--probe" => {
            let scratch = arguments.next().map(PathBuf::from).unwrap_or_default();
            namespace::probe(scratch)
        }
        Some(flag) if flag == "--within" => within(arguments),
        Some(other) => Err(format!("unknown argument {}", other.to_string_lossy())),
        None => play(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

/// Becomes a command that sees the files of a plan.
fn within(mut arguments: impl Iterator<Item = OsString>) -> Result<(), String> {
    let plan = arguments.next().ok_or("--within names no plan")?;
    let text =
        std::fs::read_to_string(&plan).map_err(|e| format!("{}: {e}", plan.to_string_lossy()))?;
    let plan = serde_json::from_str(&text).map_err(|e| format!("the plan is wrong: {e}"))?;
    let command = arguments.next().ok_or("--within names no command")?;
    namespace::enter(&plan)?;
    let error = std::process::Command::new(&command).args(arguments).exec();
    Err(format!("{}: {error}", command.to_string_lossy()))
}

fn play() -> Result<(), String> {
    close_inherited();
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|e| format!("the script cannot be read: {e}"))?;
    let script: Script =
        serde_json::from_str(&text).map_err(|e| format!("the script is wrong: {e}"))?;
    let mut result = result_channel()?;
    if let Some(plan) = &script.isolation {
        namespace::enter(plan)?;
    }
    arrange_process(&script.process)?;
    redirect(&script)?;
    let report = if script.process.rounds > 1 {
        rounds(&script)
    } else {
        transaction(&script)
    };
    let json =
        serde_json::to_vec(&report).map_err(|e| format!("the report cannot be written: {e}"))?;
    result
        .write_all(&json)
        .map_err(|e| format!("the report cannot be written: {e}"))
}

/// Descriptors that the caller of the tests left open are not part of the test.
fn close_inherited() {
    // SAFETY: nothing here has opened a descriptor yet. A kernel that does not
    // know the call leaves them open, which does no harm.
    unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) };
}

/// Standard output, out of the module's reach: a high descriptor.
fn result_channel() -> Result<File, String> {
    // SAFETY: duplicates a descriptor; the result is checked.
    let fd = unsafe { libc::fcntl(1, libc::F_DUPFD_CLOEXEC, 200) };
    if fd < 0 {
        return Err(String::from("standard output is closed"));
    }
    // SAFETY: a new descriptor that nothing else owns.
    Ok(unsafe { File::from_raw_fd(fd) })
}

fn arrange_process(options: &ProcessOptions) -> Result<(), String> {
    let disposition = if options.ignore_sigpipe {
        SigHandler::SigIgn
    } else {
        SigHandler::SigDfl
    };
    // SAFETY: neither disposition runs our code.
    unsafe { signal(Signal::SIGPIPE, disposition) }.map_err(|e| format!("SIGPIPE: {e}"))?;
    if let Some(directory) = &options.cwd {
        std::env::set_current_dir(directory)
            .map_err(|e| format!("{}: {e}", directory.display()))?;
    }
    if let Some((after, stopped_for)) = options.stopped {
        // The user who runs su may stop it. Here a child process of ours does.
        let seconds = |millis: u64| format!("{}.{:03}", millis / 1000, millis % 1000);
        std::process::Command::new("/bin/sh")
            .arg("-c")
            .arg("sleep \"$1\"; kill -STOP \"$3\"; sleep \"$2\"; kill -CONT \"$3\"")
            .args(["sh", &seconds(after), &seconds(stopped_for)])
            .arg(std::process::id().to_string())
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .spawn()
            .map_err(|e| format!("/bin/sh: {e}"))?;
    }
    if options.cwd_removed {
        let gone = std::env::temp_dir().join(format!("gone-{}", std::process::id()));
        std::fs::create_dir(&gone)
            .and_then(|()| std::env::set_current_dir(&gone))
            .and_then(|()| std::fs::remove_dir(&gone))
            .map_err(|e| format!("{}: {e}", gone.display()))?;
    }
    if options.signal_storm {
        begin_storm()?;
    }
    if let Some(mask) = options.umask {
        umask(Mode::from_bits_truncate(mask));
    }
    if let Some(uid) = options.real_uid {
        let root = Uid::from_raw(0);
        setresuid(Uid::from_raw(uid), root, root)
            .map_err(|e| format!("the real user ID cannot be {uid}: {e}"))?;
    }
    Ok(())
}

extern "C" fn caught(_: libc::c_int) {}

/// SIGALRM every millisecond. An interrupted call is not restarted.
fn begin_storm() -> Result<(), String> {
    let failed = |e: nix::errno::Errno| format!("the storm of signals: {e}");
    let handler = SigAction::new(
        SigHandler::Handler(caught),
        SaFlags::empty(),
        SigSet::empty(),
    );
    // SAFETY: the handler does nothing at all.
    unsafe { sigaction(Signal::SIGALRM, &handler) }.map_err(failed)?;
    let each = libc::timeval {
        tv_sec: 0,
        tv_usec: 1000,
    };
    let timer = libc::itimerval {
        it_interval: each,
        it_value: each,
    };
    // SAFETY: `timer` is readable, and the former value is not asked for.
    match unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(String::from("there is no timer")),
    }
}

/// From here on, descriptors 0 to 2 are as the script says.
fn redirect(script: &Script) -> Result<(), String> {
    let open = |path: &Path| {
        File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(|e| format!("{}: {e}", path.display()))
    };
    if script.process.close_standard_fds {
        for fd in 0..3 {
            // SAFETY: gives up the descriptor; nothing here owns it, and the
            // standard library takes a closed one for an empty one.
            drop(unsafe { OwnedFd::from_raw_fd(fd) });
        }
        return Ok(());
    }
    put(&open(Path::new("/dev/null"))?, 0)?;
    if let Some((stdout, stderr)) = &script.output {
        put(&open(stdout)?, 1)?;
        put(&open(stderr)?, 2)?;
    }
    Ok(())
}

fn put(file: &File, at: RawFd) -> Result<(), String> {
    // SAFETY: both are numbers; the result is checked.
    if unsafe { libc::dup2(file.as_raw_fd(), at) } == at {
        Ok(())
    } else {
        Err(format!("descriptor {at} cannot be replaced"))
    }
}

/// The same transaction many times. In the first tenth the process allocates what it keeps for
/// good.
fn rounds(script: &Script) -> Report {
    let mut codes = BTreeMap::new();
    let all = script.process.rounds;
    let mut play = |count: u32| {
        let mut last = transaction(script);
        for number in 0..count {
            if number > 0 {
                last = transaction(script);
            }
            let code = last.calls.last().map_or(last.start, |call| call.code);
            *codes.entry(code.0).or_default() += 1;
        }
        last
    };
    play(all / 10);
    let (warm, begun) = (resident(), HostState::now());
    let mut report = play(all - all / 10);
    report.rounds = Some(Rounds {
        codes,
        resident: (warm, resident()),
        differences: begun.differences(&HostState::now()),
    });
    report
}

/// The address space of this process in bytes.
fn address_space() -> u64 {
    let sizes = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = sizes.split(' ').next().and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0_u64) * 4096
}

/// Resident memory in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn transaction(script: &Script) -> Report {
    let before = HostState::now();
    let mut report = Report {
        start: Code::PAM_SUCCESS,
        calls: Vec::new(),
        messages: Vec::new(),
        problems: Vec::new(),
        unused_answers: 0,
        user: None,
        environment: Vec::new(),
        after: before.clone(),
        before,
        inheritable: Vec::new(),
        found: (Vec::new(), Vec::new()),
        rounds: None,
    };
    let player = Player::new(script);
    let started = Transaction::start(
        &script.service,
        script.user.as_deref(),
        &script.confdir,
        player,
    );
    let mut pam = match started {
        Ok(pam) => pam,
        Err(code) => {
            report.start = code;
            report
                .problems
                .push(format!("pam_start_confdir gave {code}"));
            return report;
        }
    };
    for (item, value) in &script.items {
        if let Err(code) = pam.set_item(*item, value) {
            report.problems.push(format!("setting {item:?}: {code}"));
        }
    }
    for (index, step) in script.steps.iter().enumerate() {
        for (item, value) in &step.items {
            if let Err(code) = pam.set_item(*item, value) {
                report.problems.push(format!("setting {item:?}: {code}"));
            }
        }
        pam.application().begin(index);
        let limits = LoweredLimits::set(&script.process.limits);
        let left = script.process.address_space_left;
        if let Some(left) = left.filter(|_| step.call == Call::Authenticate) {
            let limit = address_space().saturating_add(left);
            pam.application().limit_address_space(Some(limit));
        }
        let begun = Instant::now();
        let code = pam.call(step.call, step.flags);
        let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        drop(limits);
        if left.is_some() {
            pam.application().limit_address_space(None);
        }
        report.calls.push(CallReport {
            call: step.call,
            code,
            millis,
            fail_delays: pam.application().take_fail_delays(),
            state: HostState::now(),
        });
    }
    report.user = pam.item(Item::User);
    report.environment = pam.environment();
    report.inheritable = pam.application().take_inheritable();
    let (messages, problems, unused) = pam.application().result();
    report.messages = messages;
    report.problems.extend(problems);
    report.unused_answers = unused;
    let needles = script.scan.as_deref().map(memory::needles).transpose();
    let scan = |problems: &mut Vec<String>| match &needles {
        Ok(Some(needles)) => memory::scan(needles).unwrap_or_else(|why| {
            problems.push(why);
            Vec::new()
        }),
        Ok(None) => Vec::new(),
        Err(why) => {
            problems.push(why.clone());
            Vec::new()
        }
    };
    report.found.0 = scan(&mut report.problems);
    pam.end();
    report.after = HostState::now();
    report.found.1 = scan(&mut report.problems);
    report
}

/// Soft limits that are lower during a call.
struct LoweredLimits(Vec<(Resource, u64, u64)>);

impl LoweredLimits {
    fn set(limits: &[(Limit, u64)]) -> LoweredLimits {
        let mut former = Vec::new();
        for (limit, value) in limits {
            let resource = match limit {
                Limit::OpenFiles => Resource::RLIMIT_NOFILE,
                Limit::Processes => Resource::RLIMIT_NPROC,
                Limit::AddressSpace => Resource::RLIMIT_AS,
                Limit::FileSize => Resource::RLIMIT_FSIZE,
                Limit::Stack => Resource::RLIMIT_STACK,
            };
            if let Ok((soft, hard)) = getrlimit(resource) {
                if setrlimit(resource, *value, hard).is_ok() {
                    former.push((resource, soft, hard));
                }
            }
        }
        LoweredLimits(former)
    }
}

impl Drop for LoweredLimits {
    fn drop(&mut self) {
        for (resource, soft, hard) in &self.0 {
            // Raising a soft limit up to the hard one is always allowed.
            let _ = setrlimit(*resource, *soft, *hard);
        }
    }
}
