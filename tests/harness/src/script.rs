//! What the library tells `pam-run` to do, and what `pam-run` tells of it:
//! JSON on standard input, JSON on standard output.

use crate::codes::{Call, Code, Item, Style};
use crate::host_state::HostState;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One transaction, from beginning to end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Script {
    /// The service, which is also the name of the stack's file in `confdir`.
    pub service: String,
    /// `PAM_USER`; unset, as `login` leaves it, without one.
    #[serde(default)]
    pub user: Option<String>,
    /// The directory with the stacks.
    pub confdir: PathBuf,
    /// Items to set before the first call.
    #[serde(default)]
    pub items: Vec<(Item, String)>,
    /// The calls, in order.
    pub steps: Vec<Step>,
    /// The answers, in order.
    #[serde(default)]
    pub answers: Vec<ScriptedAnswer>,
    /// Answers every hidden prompt, once `answers` is used up; sshd does so
    /// for a password that came with the request.
    #[serde(default)]
    pub every_secret: Option<String>,
    /// Where it runs: nothing for the machine as it is.
    #[serde(default)]
    pub isolation: Option<IsolationPlan>,
    /// What the process is like.
    #[serde(default)]
    pub process: ProcessOptions,
    /// The file in which the stack says that what prompts now is a helper of
    /// the harness; see `stack.rs`.
    #[serde(default)]
    pub marker: Option<PathBuf>,
    /// The `PAM_AUTHTOK` that the stack finds already set.
    #[serde(default)]
    pub preset_authtok: Option<String>,
    /// Through the files at this path comes what to look for in the process's
    /// memory: see [`crate::memory`].
    #[serde(default)]
    pub scan: Option<PathBuf>,
    /// Where to write what the process writes to its standard output and
    /// standard error while the transaction runs.
    #[serde(default)]
    pub output: Option<(PathBuf, PathBuf)>,
}

/// One call, or something done between calls.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    /// The call.
    pub call: Call,
    /// Its flags.
    #[serde(default)]
    pub flags: i32,
    /// Items to set before it.
    #[serde(default)]
    pub items: Vec<(Item, String)>,
}

/// An answer and the prompt it is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScriptedAnswer {
    /// How the prompt must be asked; anyhow without one.
    #[serde(default)]
    pub style: Option<Style>,
    /// What the prompt must contain.
    #[serde(default)]
    pub contains: Option<String>,
    /// What the person does.
    pub answer: Answer,
    /// How long the person takes, in milliseconds.
    #[serde(default)]
    pub delay_ms: u64,
}

/// What a person, or the application, does at a prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Types this.
    Text(String),
    /// Sends these bytes, which need not be UTF-8.
    Bytes(Vec<u8>),
    /// Sends these bytes, each masked (see [`crate::memory::masked`]), so that
    /// this process holds the answer itself only while it gives it.
    Masked(Vec<u8>),
    /// Types what comes through the files at this path; see `later.rs`.
    Later(PathBuf),
    /// The application gives no answer at all: a null pointer.
    Null,
    /// The conversation fails with this code.
    Fail(Code),
}

/// The private mount namespace's contents.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IsolationPlan {
    /// A directory of our own in which the private `/dev` is put together.
    pub scratch: PathBuf,
    /// Files to bind over others: (source, target).
    pub files: Vec<(PathBuf, PathBuf)>,
    /// The socket that becomes `/dev/log`; without one there is none.
    pub dev_log: Option<PathBuf>,
    /// The security keys that are plugged in.
    #[serde(default)]
    pub keys: Vec<PluggedKey>,
    /// What logind says of the session that the process belongs to.
    #[serde(default)]
    pub session: Option<String>,
    /// What is at `/var/lib/authentik-flow`.
    #[serde(default)]
    pub state: Option<PathBuf>,
}

/// A virtual security key, as a namespace sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PluggedKey {
    /// The pseudo-terminal that is bound over the node.
    pub node: PathBuf,
    /// The device number that sysfs tells.
    pub device: u64,
}

/// What the process that calls libpam is like.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ProcessOptions {
    /// Close descriptors 0, 1 and 2 before the first call.
    #[serde(default)]
    pub close_standard_fds: bool,
    /// The working directory.
    #[serde(default)]
    pub cwd: Option<PathBuf>,
    /// The process is stopped after so many milliseconds, for so many, as by
    /// Ctrl-Z and `fg`.
    #[serde(default)]
    pub stopped: Option<(u64, u64)>,
    /// The umask.
    #[serde(default)]
    pub umask: Option<u32>,
    /// `SIGPIPE` ignored, as sshd has it, rather than at its default, where
    /// it kills, as su and login have it.
    #[serde(default)]
    pub ignore_sigpipe: bool,
    /// The real user ID, the effective one staying root's, as in su.
    #[serde(default)]
    pub real_uid: Option<u32>,
    /// A signal every millisecond, caught without `SA_RESTART`: whatever waits
    /// is interrupted.
    #[serde(default)]
    pub signal_storm: bool,
    /// A text is answered with `PAM_SUCCESS` and without an array of responses, as
    /// MariaDB's conversation does.
    #[serde(default)]
    pub no_array_for_texts: bool,
    /// The working directory is one that is gone.
    #[serde(default)]
    pub cwd_removed: bool,
    /// How many transactions are played one after the other in the process, all
    /// alike; 0 is one. The report is that of the last, but for `rounds`.
    #[serde(default)]
    pub rounds: u32,
    /// How many bytes of address space the module may still take while
    /// `pam_authenticate` is under way; the application itself has no such limit.
    #[serde(default)]
    pub address_space_left: Option<u64>,
    /// Resource limits, set once the stack is loaded: (`RLIMIT_…`, value).
    #[serde(default)]
    pub limits: Vec<(Limit, u64)>,
}

/// A resource limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// `RLIMIT_NOFILE`: one more than the highest descriptor.
    OpenFiles,
    /// `RLIMIT_NPROC`: processes and threads of the user; root is exempt.
    Processes,
    /// `RLIMIT_AS`: bytes of address space.
    AddressSpace,
    /// `RLIMIT_FSIZE`: bytes of a file.
    FileSize,
    /// `RLIMIT_STACK`: bytes of the main thread's stack.
    Stack,
}

/// What happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// What `pam_start_confdir` gave.
    pub start: Code,
    /// The calls, in order.
    pub calls: Vec<CallReport>,
    /// All messages, in order.
    pub messages: Vec<MessageReport>,
    /// What did not go as the script has it. Empty, or the test failed.
    pub problems: Vec<String>,
    /// Scripted answers that nobody asked for.
    pub unused_answers: usize,
    /// `PAM_USER` after the last call.
    pub user: Option<String>,
    /// What modules put into the session's environment.
    pub environment: Vec<String>,
    /// The process before `pam_start_confdir`.
    pub before: HostState,
    /// The process after `pam_end`.
    pub after: HostState,
    /// Descriptors that a module had open while it asked, and that a program would
    /// have got which was started then.
    #[serde(default)]
    pub inheritable: Vec<i32>,
    /// What was found in the process's memory before `pam_end`, and after it.
    #[serde(default)]
    pub found: (Vec<String>, Vec<String>),
    /// What came of all rounds, where there was more than one.
    #[serde(default)]
    pub rounds: Option<Rounds>,
}

/// Many transactions in one process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rounds {
    /// How often each code came last.
    pub codes: std::collections::BTreeMap<i32, u32>,
    /// Resident memory in KiB after a tenth of the rounds, and after all.
    pub resident: (u64, u64),
    /// In what the process differs between these two, in words.
    pub differences: Vec<String>,
}

/// A call's result.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CallReport {
    /// Which call.
    pub call: Call,
    /// Its result.
    pub code: Code,
    /// Wall-clock time, in milliseconds.
    pub millis: u64,
    /// Every delay that libpam asked for, in microseconds. libpam varies what
    /// a module asks for by up to half, so that it gives nothing away.
    pub fail_delays: Vec<u32>,
    /// The process after the call.
    pub state: HostState,
}

/// A message, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageReport {
    /// The index of the call that it came in.
    pub call: usize,
    /// Counts calls of the conversation: messages that share a number came
    /// together.
    pub batch: usize,
    /// How it is to be shown, or asked.
    pub style: Style,
    /// The text; what is not UTF-8 shows as U+FFFD.
    pub text: String,
    /// The text's bytes.
    pub raw: Vec<u8>,
    /// The answer given, if one was.
    pub answer: Option<Answer>,
    /// Milliseconds since the call began.
    pub at_millis: u64,
}
