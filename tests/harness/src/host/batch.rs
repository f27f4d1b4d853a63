//! Many runs of a program, each with its own limits, padding and descriptors.
//!
//! One process in the host starts them all (see [`driver`](super::driver)), several
//! at a time, because entering the namespaces for each run would cost more than
//! the run.

use super::RealHost;
use super::inside::{Job, PROGRAM};
use nix::sys::resource::Resource;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, BufReader, Write};
use std::process::{ChildStdin, Stdio};
use std::time::Duration;

/// A resource whose limit a run lowers, as `ulimit` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names of setrlimit(2)")]
pub enum Limit {
    As,
    Data,
    Stack,
    Nofile,
    Nproc,
    Fsize,
    Cpu,
    Memlock,
    Sigpending,
}

impl Limit {
    /// All of them.
    pub const ALL: [Limit; 9] = [
        Limit::As,
        Limit::Data,
        Limit::Stack,
        Limit::Nofile,
        Limit::Nproc,
        Limit::Fsize,
        Limit::Cpu,
        Limit::Memlock,
        Limit::Sigpending,
    ];

    /// The name that setrlimit(2) uses, without the prefix.
    pub fn name(self) -> &'static str {
        match self {
            Limit::As => "AS",
            Limit::Data => "DATA",
            Limit::Stack => "STACK",
            Limit::Nofile => "NOFILE",
            Limit::Nproc => "NPROC",
            Limit::Fsize => "FSIZE",
            Limit::Cpu => "CPU",
            Limit::Memlock => "MEMLOCK",
            Limit::Sigpending => "SIGPENDING",
        }
    }

    pub(super) fn resource(self) -> Resource {
        match self {
            Limit::As => Resource::RLIMIT_AS,
            Limit::Data => Resource::RLIMIT_DATA,
            Limit::Stack => Resource::RLIMIT_STACK,
            Limit::Nofile => Resource::RLIMIT_NOFILE,
            Limit::Nproc => Resource::RLIMIT_NPROC,
            Limit::Fsize => Resource::RLIMIT_FSIZE,
            Limit::Cpu => Resource::RLIMIT_CPU,
            Limit::Memlock => Resource::RLIMIT_MEMLOCK,
            Limit::Sigpending => Resource::RLIMIT_SIGPENDING,
        }
    }
}

/// One run of a program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// The user ID and group ID of the caller.
    pub user: u32,
    /// The caller's environment.
    pub environment: Vec<(String, String)>,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// What the program reads from standard input.
    pub input: String,
    /// The limits, in the kernel's units.
    pub limits: Vec<(Limit, u64)>,
    /// Whether the hard limits stay as they are, as with `ulimit -S`. Root without
    /// CAP_SYS_RESOURCE, as in many containers, can raise no others.
    pub soft_only: bool,
    /// How many bytes a variable `PAD` adds to the environment.
    pub environment_padding: usize,
    /// How many bytes one more argument adds.
    pub argument_padding: usize,
    /// Descriptors of the three standard ones that are closed.
    pub closed: Vec<i32>,
    /// Descriptors that are opened on `/dev/full`.
    pub full: Vec<i32>,
    /// The niceness.
    pub nice: i32,
    /// Whether the scheduler runs it only when the processors are idle.
    pub sched_idle: bool,
    /// How much processor time the process uses before it becomes the program.
    pub used_cpu: Duration,
    /// The `cgroup.procs` of a control group that the process joins first.
    pub control_group: Option<String>,
    /// When the process is stopped after its start, and for how long.
    pub stop: Option<(Duration, Duration)>,
    /// The run is killed after this time.
    pub patience: Duration,
}

/// How a run ended.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Finished {
    /// The index of the run in the batch.
    pub index: usize,
    /// The process ID in the host, as in log lines; 0 if it did not start.
    pub pid: u32,
    /// The exit status.
    pub status: Option<i32>,
    /// The signal that killed it.
    pub signal: Option<i32>,
    /// Whether it was killed because it took too long.
    pub timed_out: bool,
    /// What it wrote to standard output.
    pub output: String,
    /// What it wrote to standard error, or why it did not start.
    pub errors: String,
    /// How long it ran.
    pub took: Duration,
}

/// A batch, as the driver reads it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Batch {
    /// How many runs there are at a time.
    pub(super) at_a_time: usize,
    pub(super) runs: Vec<Run>,
}

impl RealHost {
    /// A run of this program by `user`, without limits.
    #[track_caller]
    pub fn run_of(&self, user: &str, command: &[&str], input: &str) -> Run {
        let (environment, command) = match self.job(user, None, command) {
            Job::Run {
                environment,
                command,
                ..
            } => (environment, command),
            Job::Put { .. } => Default::default(),
        };
        Run {
            user: self.uid(user),
            environment,
            command,
            input: input.to_owned(),
            limits: Vec::new(),
            soft_only: false,
            environment_padding: 0,
            argument_padding: 0,
            closed: Vec::new(),
            full: Vec::new(),
            nice: 0,
            sched_idle: false,
            used_cpu: Duration::ZERO,
            control_group: None,
            stop: None,
            patience: Duration::from_secs(30),
        }
    }

    /// Does all runs, `at_once` at a time. Returns how each ended, in the order of `runs`.
    ///
    /// # Panics
    ///
    /// When the driver cannot be started, or does not report each run.
    #[track_caller]
    pub fn run_all(&self, runs: &[Run], at_a_time: usize) -> Vec<Finished> {
        match self.try_run_all(runs, at_a_time) {
            Ok(finished) => finished,
            Err(why) => panic!("cannot start the runs: {why}"),
        }
    }

    fn try_run_all(&self, runs: &[Run], at_a_time: usize) -> Result<Vec<Finished>, String> {
        let batch = Batch {
            at_a_time,
            runs: runs.to_vec(),
        };
        let text = serde_json::to_string(&batch).map_err(|e| e.to_string())?;
        let mut driver = self
            .enter(&self.job("root", None, &[PROGRAM, "batch"]))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| e.to_string())?;
        let (Some(input), Some(output)) = (driver.stdin.take(), driver.stdout.take()) else {
            return Err(String::from("the driver has no pipes"));
        };
        let mut finished: Vec<Finished> = Vec::with_capacity(runs.len());
        write_all(input, &text).map_err(|e| e.to_string())?;
        for line in BufReader::new(output).lines() {
            let line = line.map_err(|e| e.to_string())?;
            finished.push(serde_json::from_str(&line).map_err(|e| format!("{e}: {line}"))?);
        }
        let status = driver.wait().map_err(|e| e.to_string())?;
        finished.sort_by_key(|run| run.index);
        let complete = finished.iter().enumerate().all(|(i, run)| run.index == i);
        if !status.success() || finished.len() != runs.len() || !complete {
            let (done, all) = (finished.len(), runs.len());
            return Err(format!("{done} of {all} runs are reported: {status}"));
        }
        Ok(finished)
    }
}

/// The driver reads all of its input before it writes anything.
fn write_all(mut input: ChildStdin, text: &str) -> io::Result<()> {
    input.write_all(text.as_bytes())
}
