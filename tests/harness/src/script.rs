//! The instructions of the library for `pam-run`, and its report: JSON on standard input and
//! standard output.

use crate::codes::{Call, Code, Item, Style};
use crate::host_state::HostState;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One transaction, from beginning to end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Script {
    /// The service, which is also the name of the stack's file in `confdir`.
    pub service: String,
    /// `PAM_USER`. Without it the variable is not set, as for `login`.
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
    /// Answers every hidden prompt after `answers` is used up, as sshd does with the password
    /// of the request.
    #[serde(default)]
    pub every_secret: Option<String>,
    /// The namespace; `None` uses the machine as it is.
    #[serde(default)]
    pub isolation: Option<IsolationPlan>,
    /// The properties of the process.
    #[serde(default)]
    pub process: ProcessOptions,
    /// The file in which the stack says that a helper of the harness asks now; see `stack.rs`.
    #[serde(default)]
    pub marker: Option<PathBuf>,
    /// The `PAM_AUTHTOK` that the stack finds already set.
    #[serde(default)]
    pub preset_authtok: Option<String>,
    /// The path of the files that carry the secrets to search for in the process's memory: see
    /// [`crate::memory`].
    #[serde(default)]
    pub scan: Option<PathBuf>,
    /// The file for the output of the process to standard output and standard error during the
    /// transaction.
    #[serde(default)]
    pub output: Option<(PathBuf, PathBuf)>,
}

/// One call, or an action between calls.
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

/// An answer and its prompt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScriptedAnswer {
    /// The style that the prompt must have. Without one, every style is accepted.
    #[serde(default)]
    pub style: Option<Style>,
    /// The text that the prompt must contain.
    #[serde(default)]
    pub contains: Option<String>,
    /// What the person does.
    pub answer: Answer,
    /// How long the person takes, in milliseconds.
    #[serde(default)]
    pub delay_ms: u64,
}

/// What a person or the application does at a prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Types this.
    Text(String),
    /// Sends these bytes, which need not be UTF-8.
    Bytes(Vec<u8>),
    /// Sends these bytes, each masked (see [`crate::memory::masked`]), so that this process
    /// holds the plain answer only while it gives it.
    Masked(Vec<u8>),
    /// Types the text that arrives through the files at this path; see `later.rs`.
    Later(PathBuf),
    /// The application gives no answer: a null pointer.
    Null,
    /// The conversation fails with this code.
    Fail(Code),
}

/// The contents of the private mount namespace.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IsolationPlan {
    /// A directory in which the private `/dev` is built.
    pub scratch: PathBuf,
    /// Files to bind over others: (source, target).
    pub files: Vec<(PathBuf, PathBuf)>,
    /// The socket that becomes `/dev/log`. Without one there is none.
    pub dev_log: Option<PathBuf>,
    /// The security keys that are plugged in.
    #[serde(default)]
    pub keys: Vec<PluggedKey>,
    /// What logind says about the session of the process.
    #[serde(default)]
    pub session: Option<String>,
    /// The directory that becomes `/var/lib/authentik-flow`.
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

/// The properties of the process that calls libpam.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ProcessOptions {
    /// Close descriptors 0, 1 and 2 before the first call.
    #[serde(default)]
    pub close_standard_fds: bool,
    /// The working directory.
    #[serde(default)]
    pub cwd: Option<PathBuf>,
    /// The process is stopped after this many milliseconds and for this many, as by Ctrl-Z and
    /// `fg`.
    #[serde(default)]
    pub stopped: Option<(u64, u64)>,
    /// The umask.
    #[serde(default)]
    pub umask: Option<u32>,
    /// Ignores `SIGPIPE`, as sshd does. In su and login its default action kills the process.
    #[serde(default)]
    pub ignore_sigpipe: bool,
    /// The real user ID. The effective one stays root's, as in su.
    #[serde(default)]
    pub real_uid: Option<u32>,
    /// A signal every millisecond, handled without `SA_RESTART`, so that every wait is
    /// interrupted.
    #[serde(default)]
    pub signal_storm: bool,
    /// The conversation answers a text with `PAM_SUCCESS` and no array of responses, as MariaDB
    /// does.
    #[serde(default)]
    pub no_array_for_texts: bool,
    /// The application sets `PAM_USER` to this name whenever the module asks.
    #[serde(default)]
    pub replaces_user: Option<String>,
    /// The working directory is one that was removed.
    #[serde(default)]
    pub cwd_removed: bool,
    /// How many identical transactions the process runs, one after the other; 0 is one. The
    /// report is that of the last, except `rounds`.
    #[serde(default)]
    pub rounds: u32,
    /// How many bytes of address space the module may use during `pam_authenticate`. The
    /// application itself has no such limit.
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
    /// What differed from the script. The test fails unless this is empty.
    pub problems: Vec<String>,
    /// Scripted answers that no prompt asked for.
    pub unused_answers: usize,
    /// `PAM_USER` after the last call.
    pub user: Option<String>,
    /// The session's environment that modules set.
    pub environment: Vec<String>,
    /// The process before `pam_start_confdir`.
    pub before: HostState,
    /// The process after `pam_end`.
    pub after: HostState,
    /// Descriptors that a module had open while it asked, and that a program would have
    /// inherited at that time.
    #[serde(default)]
    pub inheritable: Vec<i32>,
    /// What was found in the process's memory before `pam_end`, and after it.
    #[serde(default)]
    pub found: (Vec<String>, Vec<String>),
    /// The results of all rounds, if there were several.
    #[serde(default)]
    pub rounds: Option<Rounds>,
}

/// Many transactions in one process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rounds {
    /// How often each code was the last one.
    pub codes: std::collections::BTreeMap<i32, u32>,
    /// Resident memory in KiB after a tenth of the rounds, and after all.
    pub resident: (u64, u64),
    /// The differences of the process between these two, in words.
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
    /// Every delay that libpam asked for, in microseconds. libpam varies the delay that a
    /// module asks for by up to half, so that it reveals nothing.
    pub fail_delays: Vec<u32>,
    /// The process after the call.
    pub state: HostState,
}

/// A message, and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageReport {
    /// The index of the call in which it was sent.
    pub call: usize,
    /// Counts calls of the conversation: messages with the same number were sent together.
    pub batch: usize,
    /// How it is shown or asked.
    pub style: Style,
    /// The text, with U+FFFD for bytes that are not UTF-8.
    pub text: String,
    /// The text's bytes.
    pub raw: Vec<u8>,
    /// The answer given, if one was.
    pub answer: Option<Answer>,
    /// Milliseconds since the call began.
    pub at_millis: u64,
}
