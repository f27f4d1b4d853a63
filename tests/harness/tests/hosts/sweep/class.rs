//! The result of a run: how far it came, and what must not happen.

use super::bench::{Bench, Program};
use super::ends::SIGABRT;
use pam_harness::LogLine;
use pam_harness::host::{Finished, Limit, Run};
use std::collections::BTreeMap;

/// How far a run came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// The module has no line in the log.
    NotReached,
    /// The module has a line, which does not say that the server refused.
    HostFailure,
    /// The server refused alice.
    Refused,
}

/// A run and its properties.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub(crate) class: Class,
    /// The local password was enough.
    pub(crate) login: bool,
    /// The module said that authentik is unavailable.
    pub(crate) unavailable: bool,
    /// The process was killed by a signal.
    pub(crate) died: bool,
    /// The signal is that of a limit of processor time.
    pub(crate) cpu_limit: bool,
    /// It called abort, which no program does by itself here.
    pub(crate) aborted: bool,
    pub(crate) timed_out: bool,
    /// The module's lines and the program's own words.
    pub(crate) words: String,
}

/// The codes with which the module reports the server's refusal of alice: the flow denies her,
/// and her account is not active.
const REFUSALS: [&str; 2] = ["PAM_PERM_DENIED", "PAM_ACCT_EXPIRED"];

const SIGXCPU: i32 = 24;
const SIGKILL: i32 = 9;

/// The module's lines of each process.
pub(crate) fn by_process(lines: &[LogLine]) -> BTreeMap<u32, Vec<String>> {
    let mut found: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for line in lines {
        let pid = line.pid.unwrap_or(0);
        found.entry(pid).or_default().push(line.text.clone());
    }
    found
}

/// Judges a run by its status and by the log.
pub(crate) fn judge(
    program: Program,
    run: &Run,
    finished: &Finished,
    log: &BTreeMap<u32, Vec<String>>,
) -> Judged {
    let lines = log.get(&finished.pid).map_or(&[][..], Vec::as_slice);
    let module: Vec<&str> = lines
        .iter()
        .filter_map(|line| Some(line.split_once("pam_authentik_flow(")?.1))
        .collect();
    let says = |code: &str| {
        module
            .iter()
            .any(|line| line.contains(&format!("): {code}:")))
    };
    let class = if module.is_empty() {
        Class::NotReached
    } else if REFUSALS.iter().any(|code| says(code)) {
        Class::Refused
    } else {
        Class::HostFailure
    };
    let session = |line: &String| line.contains("session): session opened for user");
    let ignored = |line: &&str| line.contains("PAM_IGNORE") && line.contains("on_unavailable");
    let has_cpu_limit = run.limits.iter().any(|(limit, _)| *limit == Limit::Cpu);
    Judged {
        class,
        login: program.is_in(finished) || lines.iter().any(session),
        unavailable: says("PAM_AUTHINFO_UNAVAIL") || module.iter().any(ignored),
        died: finished.signal.is_some() && !finished.timed_out,
        cpu_limit: has_cpu_limit && matches!(finished.signal, Some(SIGXCPU | SIGKILL)),
        aborted: finished.signal == Some(SIGABRT),
        timed_out: finished.timed_out,
        words: format!(
            "{} {:?}: status {:?}, signal {:?}, {:?}; {:?} {:?}",
            program.name(),
            run.limits,
            finished.status,
            finished.signal,
            finished.took,
            finished.errors.trim(),
            module
        ),
    }
}

/// The results of many runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) runs: usize,
    pub(crate) not_reached: usize,
    pub(crate) host_failures: usize,
    pub(crate) refused: usize,
    pub(crate) logins: usize,
    pub(crate) unavailable: usize,
    /// Deaths by signal after the start of the module.
    pub(crate) deaths: usize,
    /// Deaths by signal before that.
    pub(crate) earlier_deaths: usize,
    pub(crate) cpu_limit: usize,
    pub(crate) timed_out: usize,
    /// The output of runs that must not happen, the first few of each kind.
    pub(crate) offences: Vec<String>,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Counts) {
        self.runs += other.runs;
        self.not_reached += other.not_reached;
        self.host_failures += other.host_failures;
        self.refused += other.refused;
        self.logins += other.logins;
        self.unavailable += other.unavailable;
        self.deaths += other.deaths;
        self.earlier_deaths += other.earlier_deaths;
        self.cpu_limit += other.cpu_limit;
        self.timed_out += other.timed_out;
        self.offences.extend(other.offences.iter().cloned());
    }

    /// How many runs reached the module.
    pub(crate) fn reached(&self) -> usize {
        self.host_failures + self.refused
    }

    /// Whether nothing happened that must not happen.
    pub(crate) fn is_clean(&self) -> bool {
        self.logins + self.unavailable + self.deaths + self.timed_out == 0
    }
}

/// Does the runs on a bench and counts the results.
pub(crate) fn count(bench: &Bench, program: Program, runs: &[Run], at_a_time: usize) -> Counts {
    bench.host.new_log();
    let finished = bench.host.run_all(runs, at_a_time);
    let log = by_process(&bench.host.new_log());
    let judged: Vec<Judged> = runs
        .iter()
        .zip(&finished)
        .map(|(run, finished)| judge(program, run, finished, &log))
        .collect();
    let dead: Vec<usize> = (0..runs.len())
        .filter(|&index| judged[index].died && !judged[index].cpu_limit)
        .collect();
    let before = died_before(bench, runs, &judged, &dead);
    let mut counts = Counts {
        runs: runs.len(),
        ..Counts::default()
    };
    for (index, judged) in judged.iter().enumerate() {
        match judged.class {
            Class::NotReached => counts.not_reached += 1,
            Class::HostFailure => counts.host_failures += 1,
            Class::Refused => counts.refused += 1,
        }
        let earlier = before.contains(&index);
        let late_death = judged.died && !judged.cpu_limit && !earlier;
        counts.logins += usize::from(judged.login);
        counts.unavailable += usize::from(judged.unavailable);
        counts.earlier_deaths += usize::from(earlier);
        counts.deaths += usize::from(late_death);
        counts.cpu_limit += usize::from(judged.cpu_limit);
        counts.timed_out += usize::from(judged.timed_out);
        for (what, is_so) in [
            ("login", judged.login),
            ("unavailable", judged.unavailable && !judged.login),
            ("died", late_death),
            ("timed out", judged.timed_out),
        ] {
            let of_this_kind = |offence: &&String| offence.starts_with(what);
            if is_so && counts.offences.iter().filter(of_this_kind).count() < 3 {
                counts.offences.push(format!("{what}: {}", judged.words));
            }
        }
    }
    counts
}

/// How often a run that died is repeated, because the kernel chooses other addresses.
const AGAIN: usize = 5;

/// Which of the runs that died did so before the module started.
///
/// Each is repeated with `pam_warn` before the module, which leaves a line in the log. The line
/// may have no process ID, so this is done one by one. A run that does not die again, or that
/// dies once after the line, counts as one that died in the module.
fn died_before(bench: &Bench, runs: &[Run], judged: &[Judged], dead: &[usize]) -> Vec<usize> {
    let is_open = |index: &&usize| {
        let judged = &judged[**index];
        judged.class == Class::NotReached && !judged.aborted
    };
    let dead: Vec<usize> = dead.iter().filter(is_open).copied().collect();
    if dead.is_empty() {
        return dead;
    }
    bench.mark_the_module(true);
    let before = dead.into_iter().filter(|&index| {
        let mut deaths = 0;
        for _ in 0..AGAIN {
            bench.host.new_log();
            let finished = bench.host.run_all(std::slice::from_ref(&runs[index]), 1);
            if finished.iter().all(|finished| finished.signal.is_none()) {
                continue;
            }
            deaths += 1;
            let log = bench.host.new_log();
            let is_ours =
                |text: &str| text.contains("pam_warn(") || text.contains("pam_authentik_flow(");
            if log.iter().any(|line| is_ours(&line.text)) {
                return false;
            }
        }
        deaths > 0
    });
    let before = before.collect();
    bench.mark_the_module(false);
    before
}
