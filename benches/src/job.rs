//! What a client's process has to do, and what it reports.

use crate::memory::Memory;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Who logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Client {
    /// A PAM stack: the module, or `pam_exec` with a script.
    Pam,
    /// The same requests, byte by byte, over one TLS connection, and nothing else.
    Floor,
    /// The same, and what every PAM module needs besides: libpam itself, the user's
    /// account, the configuration, and a line in the log.
    FairFloor,
    /// The same requests by libcurl.
    Libcurl,
}

/// A request that the module has made, for other clients to repeat.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Exchange {
    /// `GET` or `POST`.
    pub method: String,
    /// The path and the query.
    pub target: String,
    /// The headers in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// The status of the answer.
    pub status: u16,
    /// Over which connection it came.
    pub connection: usize,
}

/// The work of one process: a number of logins, one after the other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// Who logs in.
    pub client: Client,
    /// Where the PAM stack is.
    pub confdir: PathBuf,
    /// The stack.
    pub service: String,
    /// Who is logged in.
    pub user: String,
    /// Whether it is somebody at this host, and not from afar.
    pub is_here: bool,
    /// The answers to hidden prompts; `{code}` is a code of its own for each login.
    pub secrets: Vec<String>,
    /// How long a person types an answer, in milliseconds.
    pub typing_ms: u64,
    /// What `pam_authenticate` must give.
    pub expected: i32,
    /// Whether it may return other codes too, which are reported.
    pub takes_any_code: bool,
    /// The server's port on loopback.
    pub port: u16,
    /// The CA to trust.
    pub ca_file: PathBuf,
    /// The requests, for the others than PAM.
    pub exchanges: Vec<Exchange>,
    /// The port with which they were seen.
    pub seen_port: u16,
    /// How many logins.
    pub logins: usize,
    /// After which logins the memory is looked at, beside the last.
    pub memory_after: Vec<usize>,
    /// Wait for a line on standard input before the first login.
    pub at_a_signal: bool,
}

/// The result.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Played {
    /// Nanoseconds of each login; the first includes loading.
    pub nanos: Vec<u64>,
    /// The PAM code of each, where any was taken.
    pub codes: Vec<String>,
    /// How much processor time this process, and the children that it waited for, used.
    pub busy_nanos: Vec<u64>,
    /// The memory before the first login.
    pub before: Memory,
    /// After which login how much more was resident, in kilobytes, and the peak.
    pub memory: Vec<(usize, Memory)>,
}

/// The code of the login with this number, as the server's user `coder` has them.
pub fn code(login: usize) -> String {
    format!("{login:012}")
}

impl Job {
    /// A body that was recorded with the code of login 0, with another login's code.
    pub fn body(&self, exchange: &Exchange, login: usize) -> String {
        exchange.body.replace(&code(0), &code(login))
    }

    /// A header's value, for the port that this job goes to.
    pub fn header(&self, value: &str) -> String {
        value.replace(
            &format!("localhost:{}", self.seen_port),
            &format!("localhost:{}", self.port),
        )
    }
}
