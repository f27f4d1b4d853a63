//! Runs `pam-run` and waits for it, with a time limit.

use std::fmt;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Why a transaction has no outcome.
#[derive(Debug)]
pub enum HarnessError {
    /// The harness could not prepare the transaction.
    Setup(String),
    /// This user cannot have a private mount namespace here.
    Isolation(String),
    /// The transaction exceeded the test's time limit and was killed.
    Timeout(Duration),
    /// The process died during the transaction, or could not start.
    Died {
        /// How it ended.
        status: ExitStatus,
        /// Its output, and that of the module in it.
        stderr: String,
    },
}

impl fmt::Display for HarnessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HarnessError::Setup(why) => write!(f, "the harness cannot set the stage: {why}"),
            HarnessError::Isolation(why) => write!(f, "no private namespace: {why}"),
            HarnessError::Timeout(limit) => {
                write!(
                    f,
                    "the transaction took longer than {limit:?} and was killed"
                )
            }
            HarnessError::Died { status, stderr } => {
                write!(f, "the host process died: {status}\n{stderr}")
            }
        }
    }
}

impl std::error::Error for HarnessError {}

pub(crate) fn setup(what: impl fmt::Display) -> impl FnOnce(std::io::Error) -> HarnessError {
    move |e| HarnessError::Setup(format!("{what}: {e}"))
}

/// The path of `pam-run`: beside the running test, where cargo puts it.
///
/// `PAM_HARNESS_RUN` names another one.
///
/// # Errors
///
/// When it is not built.
pub fn pam_run() -> Result<PathBuf, HarnessError> {
    if let Some(path) = std::env::var_os("PAM_HARNESS_RUN") {
        return Ok(PathBuf::from(path));
    }
    let me = std::env::current_exe().map_err(setup("the running test's own path"))?;
    // target/debug/deps/a-test, or target/debug/demo.
    me.ancestors()
        .skip(1)
        .take(2)
        .map(|dir| dir.join("pam-run"))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            HarnessError::Setup(String::from(
                "pam-run is not built: cargo build -p pam-harness --bin pam-run",
            ))
        })
}

/// Starts a program that may have been copied just now. A process that another test starts
/// at that moment holds the copy open for writing until its own exec, so the kernel says
/// "Text file busy".
fn spawn(command: &mut Command, deadline: Instant) -> std::io::Result<Child> {
    loop {
        match command.spawn() {
            Err(error)
                if error.kind() == std::io::ErrorKind::ExecutableFileBusy
                    && Instant::now() < deadline =>
            {
                std::thread::sleep(Duration::from_millis(10));
            }
            result => return result,
        }
    }
}

/// The output of a command that ended with success.
pub(crate) fn run(
    mut command: Command,
    input: &[u8],
    limit: Duration,
) -> Result<Vec<u8>, HarnessError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let deadline = Instant::now() + limit;
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = spawn(&mut command, deadline).map_err(setup(program))?;
    let stdout = read_in_background(child.stdout.take());
    let stderr = read_in_background(child.stderr.take());
    if let Some(mut stdin) = child.stdin.take() {
        // A process that has died is reported by its status.
        let _ = stdin.write_all(input);
    }
    let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
    let Ok(output) = stdout.recv_timeout(left(deadline)) else {
        kill(&mut child);
        return Err(HarnessError::Timeout(limit));
    };
    let status = wait_until(&mut child, deadline).ok_or(HarnessError::Timeout(limit))?;
    if status.success() {
        return Ok(output);
    }
    let stderr = stderr
        .recv_timeout(Duration::from_secs(1))
        .unwrap_or_default();
    Err(HarnessError::Died {
        status,
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    })
}

fn read_in_background(source: Option<impl Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut source) = source {
            let _ = source.read_to_end(&mut bytes);
        }
        // After a timeout nobody waits.
        let _ = sender.send(bytes);
    });
    receiver
}

fn wait_until(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if Instant::now() >= deadline {
            kill(child);
            return None;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn kill(child: &mut Child) {
    // It may have ended by itself in the meantime.
    let _ = child.kill();
    let _ = child.wait();
}
