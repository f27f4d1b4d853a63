//! Where a sweep begins and ends. Machines differ, so this is found out.

use super::bench::{Bench, Program};
use super::class::{Class, by_process, judge};
use pam_harness::host::{Limit, Run};

/// The size of a page: the kernel counts AS and DATA in pages.
pub(crate) const PAGE: u64 = 4096;
/// How a module without memory ends the process. The kernel ends a program that
/// cannot even start with SIGKILL or SIGSEGV.
pub(crate) const SIGABRT: i32 = 6;
/// More than any program here needs of anything.
const PLENTY: u64 = 64 << 20;

/// The ends of one limit for one program, in the kernel's units.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    /// The smallest value at which pam_unix alone works.
    pub(crate) unix: u64,
    /// The smallest value at which the module is reached.
    pub(crate) module: u64,
}

/// Bytes that are added to arguments and environment: they move the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Padding {
    pub(crate) environment: usize,
    pub(crate) argument: usize,
}

impl Padding {
    pub(crate) const NONE: Padding = Padding::environment(0);

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

/// The smallest multiple of a page at which `works`, which holds for large values.
fn smallest(works: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, PLENTY / PAGE);
    while low + 1 < high {
        let middle = (low + high) / 2;
        match works(middle * PAGE) {
            true => high = middle,
            false => low = middle,
        }
    }
    high * PAGE
}

/// The smallest value at which the program logs in by pam_unix alone.
pub(crate) fn unix(plain: &Bench, program: Program, limit: Limit, padding: Padding) -> u64 {
    smallest(|value| {
        let run = padding.of(plain.limited(program, limit, value));
        let finished = plain.host.run_all(&[run], 1);
        finished.iter().all(|finished| program.is_in(finished))
    })
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

/// The smallest value at which the module has a line in the log, or at which the
/// process dies by a signal.
pub(crate) fn module(bench: &Bench, program: Program, limit: Limit, padding: Padding) -> u64 {
    let found = smallest(|value| {
        let run = padding.of(bench.limited(program, limit, value));
        bench.host.new_log();
        let finished = bench.host.run_all(std::slice::from_ref(&run), 1);
        let log = by_process(&bench.host.new_log());
        finished.iter().all(|finished| {
            let judged = judge(program, &run, finished, &log);
            judged.class != Class::NotReached || finished.signal == Some(SIGABRT)
        })
    });
    assert!(
        found < PLENTY,
        "{} does not reach the module",
        program.name()
    );
    found
}

pub(crate) fn both(
    plain: &Bench,
    bench: &Bench,
    program: Program,
    limit: Limit,
    padding: Padding,
) -> Ends {
    Ends {
        unix: unix(plain, program, limit, padding),
        module: module(bench, program, limit, padding),
    }
}
