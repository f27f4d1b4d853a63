//! The bounds of a sweep. Machines differ, so they are measured.

use super::bench::{Bench, Program};
use super::class::{Class, Judged, by_process, judge};
use pam_harness::host::{Limit, Run};

/// The size of a page: the kernel counts AS and DATA in pages.
pub(crate) const PAGE: u64 = 4096;
/// How a module without memory ends the process. A program that cannot even start is killed by
/// the kernel with SIGKILL or SIGSEGV.
pub(crate) const SIGABRT: i32 = 6;
/// More than any program needs here.
const PLENTY: u64 = 64 << 20;

/// The bounds of one limit for one program, in the kernel's units.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    /// The smallest value at which pam_unix alone works.
    pub(crate) unix: u64,
    /// The smallest value at which the module is reached.
    pub(crate) module: u64,
    /// The smallest value from which on the server's refusal is reached.
    pub(crate) enough: u64,
}

/// Bytes that are added to arguments and environment, which move the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Padding {
    pub(crate) environment: usize,
    pub(crate) argument: usize,
}

impl Padding {
    pub(crate) const fn environment(bytes: usize) -> Padding {
        Padding {
            environment: bytes,
            argument: 0,
        }
    }

    pub(crate) const fn argument(bytes: usize) -> Padding {
        Padding {
            environment: 0,
            argument: bytes,
        }
    }

    pub(crate) fn of(self, run: Run) -> Run {
        Run {
            environment_padding: self.environment,
            argument_padding: self.argument,
            ..run
        }
    }
}

/// What to search for among values that mostly fail below and work above.
#[derive(Clone, Copy)]
enum Wanted {
    /// The first that works.
    First,
    /// The one after the last that fails.
    BehindLastFailure,
}

/// Searches pages up to [`PLENTY`]. Many values are tried at the same time, because a program
/// that fails may sleep for seconds.
fn search(wanted: Wanted, works: impl Fn(&[u64]) -> Vec<bool>) -> u64 {
    let (mut low, mut high) = (0, PLENTY / PAGE);
    while low + 1 < high {
        let step = ((high - low) / 32).max(1);
        let values: Vec<u64> = (1..)
            .map(|n| low + n * step)
            .take_while(|value| *value < high)
            .collect();
        let bytes: Vec<u64> = values.iter().map(|pages| pages * PAGE).collect();
        let works = works(&bytes);
        let first = match wanted {
            Wanted::First => works.iter().position(|works| *works),
            Wanted::BehindLastFailure => {
                let last = works.iter().rposition(|works| !*works);
                Some(last.map_or(0, |last| last + 1))
            }
        };
        let first = first.unwrap_or(values.len());
        high = values.get(first).copied().unwrap_or(high);
        low = match first {
            0 => low,
            _ => values[first - 1],
        };
    }
    high * PAGE
}

/// The smallest value at which the program logs in with pam_unix alone.
pub(crate) fn unix(plain: &Bench, program: Program, limit: Limit) -> u64 {
    search(Wanted::BehindLastFailure, |values| {
        let finished = plain.host.run_all(&runs(plain, program, limit, values), 32);
        finished.iter().map(|run| program.is_in(run)).collect()
    })
}

fn runs(bench: &Bench, program: Program, limit: Limit, values: &[u64]) -> Vec<Run> {
    let run = |value: &u64| bench.limited(program, limit, *value);
    values.iter().map(run).collect()
}

/// The same for a limit that counts things, up to a hundred.
pub(crate) fn smallest_number(plain: &Bench, program: Program, limit: Limit) -> u64 {
    let works = |value: &u64| {
        let run = plain.limited(program, limit, *value);
        let finished = plain.host.run_all(&[run], 1);
        finished.iter().all(|finished| program.is_in(finished))
    };
    (0..100).find(works).unwrap_or(100)
}

/// Searches by the results of the runs on a bench. Several searches may use the host at the
/// same time.
fn search_class(
    bench: &Bench,
    program: Program,
    limit: Limit,
    wanted: Wanted,
    works: impl Fn(&Judged) -> bool,
) -> u64 {
    let found = search(wanted, |values| {
        let runs = runs(bench, program, limit, values);
        let finished = bench.host.run_all(&runs, 32);
        let log = by_process(&bench.host.log());
        let judged = runs.iter().zip(&finished);
        judged
            .map(|(run, finished)| works(&judge(program, run, finished, &log)))
            .collect()
    });
    let name = program.name();
    assert!(found < PLENTY, "{name} does not reach the module");
    found
}

/// The ends for a program on a bench.
pub(crate) fn find(plain: &Bench, bench: &Bench, program: Program, limit: Limit) -> Ends {
    let reached = |judged: &Judged| judged.class != Class::NotReached || judged.aborted;
    let refused = |judged: &Judged| judged.class == Class::Refused;
    Ends {
        unix: unix(plain, program, limit),
        module: search_class(bench, program, limit, Wanted::First, reached),
        enough: search_class(bench, program, limit, Wanted::BehindLastFailure, refused),
    }
}

impl Ends {
    /// The bounds with padding, which uses about as much memory as it has bytes.
    pub(crate) fn with(self, padding: Padding) -> Ends {
        let bytes = padding.environment + padding.argument;
        let more = u64::try_from(bytes).unwrap_or(0) / PAGE * PAGE;
        Ends {
            unix: self.unix + more,
            module: self.module + more,
            enough: self.enough + more,
        }
    }
}
