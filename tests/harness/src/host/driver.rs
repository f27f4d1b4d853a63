//! Does a batch of runs inside the host as root: starts each run as its caller, waits for it,
//! and reports it.

use super::batch::{Batch, Finished, Run};
use super::caller;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Reads a batch from standard input, does it, and writes a line for each run to
/// standard output.
///
/// # Errors
///
/// When there is no batch, or nobody reads the report.
pub fn do_batch() -> Result<u8, String> {
    let mut text = String::new();
    io::stdin()
        .read_to_string(&mut text)
        .map_err(|e| format!("standard input: {e}"))?;
    let batch: Batch = serde_json::from_str(&text).map_err(|e| format!("this is no batch: {e}"))?;
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..batch.at_a_time.max(1))
            .map(|_| scope.spawn(|| work(&batch.runs, &next)))
            .collect();
        workers.into_iter().try_for_each(|worker| {
            let ended = worker.join();
            ended.unwrap_or_else(|_| Err(String::from("a worker of the driver panicked")))
        })
    })?;
    Ok(0)
}

fn work(runs: &[Run], next: &AtomicUsize) -> Result<(), String> {
    loop {
        let index = next.fetch_add(1, Ordering::SeqCst);
        let Some(run) = runs.get(index) else {
            return Ok(());
        };
        let finished = do_run(index, run).unwrap_or_else(|e| Finished {
            index,
            errors: format!("the run did not start: {e}"),
            ..Finished::default()
        });
        let mut line = serde_json::to_string(&finished).map_err(|e| e.to_string())?;
        line.push('\n');
        // One write: the workers share standard output.
        io::stdout()
            .write_all(line.as_bytes())
            .map_err(|e| format!("standard output: {e}"))?;
    }
}

fn do_run(index: usize, run: &Run) -> io::Result<Finished> {
    let begun = Instant::now();
    let mut child = start(run)?;
    let pid = child.id();
    if let Some(mut input) = child.stdin.take() {
        // A program that has ended does not read.
        let _ = input.write_all(run.input.as_bytes());
    }
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    if let Some((after, length)) = run.stop {
        if !ends_within(&child, after)? {
            send(pid, Signal::SIGSTOP)?;
            std::thread::sleep(length);
            send(pid, Signal::SIGCONT)?;
        }
    }
    let timed_out = !ends_within(&child, run.patience)?;
    if timed_out {
        child.kill()?;
    }
    let status = child.wait()?;
    Ok(Finished {
        index,
        pid,
        status: status.code(),
        signal: status.signal(),
        timed_out,
        output: what_is_there(output),
        errors: what_is_there(errors),
        took: begun.elapsed(),
    })
}

/// The child was not waited for, so its process ID is still valid.
fn send(pid: u32, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(pid).map_err(io::Error::other)?;
    kill(Pid::from_raw(pid), signal).map_err(io::Error::from)
}

fn start(run: &Run) -> io::Result<Child> {
    let no_command = || io::Error::from(io::ErrorKind::InvalidInput);
    let (program, arguments) = run.command.split_first().ok_or_else(no_command)?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(run.environment.iter().map(|(name, value)| (name, value)))
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if run.environment_padding > 0 {
        command.env("PAD", "A".repeat(run.environment_padding));
    }
    if run.argument_padding > 0 {
        command.arg("A".repeat(run.argument_padding));
    }
    let settings = caller::Settings::of(run)?;
    // SAFETY: `apply` makes system calls on values that exist before the fork; it
    // allocates nothing and takes no lock.
    unsafe { command.pre_exec(move || settings.apply()) };
    command.spawn()
}

/// Whether the child ends within this time. The caller must still wait for it.
fn ends_within(child: &Child, patience: Duration) -> io::Result<bool> {
    let pid = libc::c_long::from(child.id());
    let flags: libc::c_long = 0;
    // SAFETY: pidfd_open takes two numbers and gives a new descriptor or -1.
    let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, flags) };
    let descriptor = i32::try_from(descriptor).unwrap_or(-1);
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new, and nobody else owns it.
    let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
    let deadline = Instant::now() + patience;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut wanted = libc::pollfd {
            fd: descriptor.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let limit = i32::try_from(left.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: it is one pollfd, which lives as long as the call.
        let ready = unsafe { libc::poll(&raw mut wanted, 1, limit) };
        match ready {
            1.. => return Ok(true),
            0 => return Ok(false),
            _ => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
}

/// The contents of a pipe. A process that the program left behind may keep it open, so its end
/// is not waited for.
fn what_is_there(pipe: Option<impl Read + AsRawFd>) -> String {
    let Some(mut pipe) = pipe else {
        return String::new();
    };
    // SAFETY: fcntl sets a flag of a descriptor that `pipe` owns.
    unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
    let mut bytes = Vec::new();
    // With EAGAIN the bytes before it are kept.
    let _ = pipe.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}
