//! Each limit from the value where pam_unix alone works to the one where it has no effect,
//! while authentik refuses alice: no value is a way in.

use super::bench::{Addresses, Bench, Program, Stack};
use super::class::count;
use super::ends::{self, Ends, Padding};
use super::table::{Row, Table};
use super::values::{self, Extent};
use pam_harness::host::{Limit, Run};
use pam_harness::threads::spawn;
use std::thread::ScopedJoinHandle;
use std::time::Duration;

/// How many runs there are at the same time: after a failure the program may sleep for seconds.
/// The kernel treats each separately, except for the number of processes of a user and for the
/// processors.
const AT_A_TIME: usize = 64;

/// Paddings of the fine sweeps.
fn paddings(program: Program, extent: Extent) -> Vec<Padding> {
    let some = |bytes: &[usize], of: fn(usize) -> Padding| bytes.iter().copied().map(of).collect();
    match (program, extent) {
        (Program::Su, Extent::Quick) => some(&[0, 30_000], Padding::environment),
        (Program::Su, Extent::All) => some(&[0, 10_000, 30_000, 120_000], Padding::environment),
        // sudo copies its arguments to the heap.
        (Program::Sudo, Extent::Quick) => some(&[0, 16_000, 32_000, 60_000], Padding::argument),
        (Program::Sudo, Extent::All) => some(
            &[0, 16_000, 24_000, 32_000, 40_000, 60_000],
            Padding::argument,
        ),
    }
}

/// A sweep on one bench.
struct Sweep<'a> {
    plain: &'a Bench,
    bench: &'a Bench,
    extent: Extent,
    rows: Vec<Row>,
}

impl Sweep<'_> {
    /// Finds the bounds of each of these, at the same time, because a search mostly sleeps.
    fn ends(&self, wanted: &[(Program, Limit)]) -> Vec<Ends> {
        let (plain, bench) = (self.plain, self.bench);
        std::thread::scope(|scope| {
            let searches: Vec<_> = wanted
                .iter()
                .map(|&(program, limit)| {
                    scope.spawn(move || ends::find(plain, bench, program, limit))
                })
                .collect();
            let join = |search: ScopedJoinHandle<'_, Ends>| search.join().expect("the ends");
            searches.into_iter().map(join).collect()
        })
    }

    fn memory(&mut self, program: Program, limit: Limit, ends: Ends, paddings: &[Padding]) {
        for padding in paddings {
            let ends = ends.with(*padding);
            // sudo raises its soft limits itself, up to the hard ones.
            let with_soft = program == Program::Su || *padding == Padding::argument(0);
            for soft_only in [false, true].into_iter().take(1 + usize::from(with_soft)) {
                let runs: Vec<Run> = values::memory(ends, self.extent)
                    .into_iter()
                    .map(|value| Run {
                        soft_only,
                        ..padding.of(self.bench.limited(program, limit, value))
                    })
                    .collect();
                let kind = if soft_only { "soft" } else { "hard" };
                self.note(program, limit, format!("{kind}, {ends}, {padding}"), &runs);
            }
        }
    }

    fn small(&mut self, program: Program, limit: Limit, values: &[u64]) {
        let run = |value: &u64| self.bench.limited(program, limit, *value);
        let runs: Vec<Run> = values.iter().map(run).collect();
        self.note(program, limit, String::new(), &runs);
    }

    /// The limit is one second, of which this many milliseconds remain.
    fn processor_time(&mut self, program: Program) {
        let left: Vec<u64> = match self.extent {
            Extent::Quick => vec![0, 2, 4, 7, 12, 20, 30, 50, 100],
            Extent::All => (0..100).collect(),
        };
        let runs: Vec<Run> = left
            .iter()
            .map(|left| Run {
                used_cpu: Duration::from_millis(1000 - left),
                ..self.bench.limited(program, Limit::Cpu, 1)
            })
            .collect();
        self.note(program, Limit::Cpu, String::new(), &runs);
    }

    fn note(&mut self, program: Program, limit: Limit, more: String, runs: &[Run]) {
        let at_a_time = match limit {
            // The kernel counts the processes of a user.
            Limit::Nproc => 1,
            // These work all the time.
            Limit::Cpu => 2,
            _ => AT_A_TIME,
        };
        let (stack, addresses) = (self.bench.stack.name(), self.bench.addresses.name());
        self.rows.push(Row {
            bench: format!("{stack}, {addresses}"),
            program,
            limit,
            more,
            counts: count(self.bench, program, runs, at_a_time),
        });
    }

    /// Each limit.
    fn all_limits(&mut self) {
        let wanted = Program::ALL
            .map(|program| [Limit::As, Limit::Data, Limit::Stack].map(|limit| (program, limit)));
        let ends = self.ends(wanted.as_flattened());
        for (program, ends) in Program::ALL.into_iter().zip(ends.chunks(3)) {
            let paddings = paddings(program, self.extent);
            self.memory(program, Limit::As, ends[0], &paddings);
            let few = match self.extent {
                Extent::Quick => &paddings[1..2],
                Extent::All => &paddings[..3],
            };
            self.memory(program, Limit::Data, ends[1], few);
            self.small(program, Limit::Stack, &values::stack(ends[2], self.extent));
            for limit in NUMBERS {
                self.small(program, limit, &values::small(limit, self.extent));
            }
            self.processor_time(program);
        }
    }

    /// Only the stack or the configuration differs: one limit, and a padding at which sudo had
    /// the hole.
    fn one_limit(&mut self) {
        let ends = self.ends(&Program::ALL.map(|program| (program, Limit::As)));
        for (program, ends) in Program::ALL.into_iter().zip(ends) {
            let paddings = paddings(program, self.extent);
            self.memory(
                program,
                Limit::As,
                ends,
                &paddings[paddings.len() / 2..][..1],
            );
        }
    }
}

const NUMBERS: [Limit; 5] = [
    Limit::Nofile,
    Limit::Nproc,
    Limit::Fsize,
    Limit::Memlock,
    Limit::Sigpending,
];

#[test]
fn no_limit_is_a_way_in() {
    pam_harness::require_real_host!("su", "sudo");
    let extent = Extent::wanted();
    let mut table = Table::new(extent);
    let plain = Bench::new(Stack::Unix, Addresses::Resolved);
    let sweep = |stack, addresses| {
        let bench = Bench::new(stack, addresses);
        let mut sweep = Sweep {
            plain: &plain,
            bench: &bench,
            extent,
            rows: Vec::new(),
        };
        match (stack, addresses) {
            (Stack::Fallback, Addresses::Resolved) => sweep.all_limits(),
            _ => sweep.one_limit(),
        }
        sweep.rows
    };
    std::thread::scope(|scope| {
        let sweep = &sweep;
        let threads = [
            (Stack::Fallback, Addresses::Resolved),
            (Stack::Fallback, Addresses::Pinned),
            (Stack::Profile, Addresses::Resolved),
            (Stack::Account, Addresses::Resolved),
        ]
        .map(|(stack, addresses)| spawn(scope, move || sweep(stack, addresses)));
        for thread in threads {
            for row in thread.join().expect("the sweep of a stack") {
                table.add(&row);
            }
        }
    });
    table.write("limits.txt");
    table.check();
}
