//! Each limit from where pam_unix alone works to where it makes no difference,
//! while authentik refuses alice: no value is a way in.

use super::bench::{Addresses, Bench, Program, Stack};
use super::class::{Counts, count};
use super::ends::{self, Padding};
use super::table::Table;
use super::values::{self, Extent};
use pam_harness::host::{Limit, Run};
use std::time::Duration;

/// How many runs there are at a time: a failure may be followed by seconds in which
/// the program sleeps. Each is on its own before the kernel, except
/// for the number of processes of a user and for the processors.
const AT_A_TIME: usize = 24;

/// Paddings of the fine sweeps.
fn paddings(program: Program, extent: Extent) -> Vec<Padding> {
    let some = |bytes: &[usize], of: fn(usize) -> Padding| bytes.iter().copied().map(of).collect();
    match (program, extent) {
        (Program::Su, Extent::Quick) => some(&[0, 30_000], Padding::environment),
        (Program::Su, Extent::All) => some(
            &[0, 2_000, 10_000, 30_000, 60_000, 120_000],
            Padding::environment,
        ),
        // sudo copies its arguments to the heap.
        (Program::Sudo, Extent::Quick) => some(&[0, 16_000, 32_000, 60_000], Padding::argument),
        (Program::Sudo, Extent::All) => some(
            &[0, 4_000, 16_000, 24_000, 32_000, 40_000, 60_000, 120_000],
            Padding::argument,
        ),
    }
}

/// A sweep on one bench.
struct Sweep<'a> {
    plain: &'a Bench,
    bench: &'a Bench,
    extent: Extent,
    table: &'a mut Table,
}

impl Sweep<'_> {
    fn memory(&mut self, program: Program, limit: Limit, paddings: &[Padding]) {
        for padding in paddings {
            let ends = ends::both(self.plain, self.bench, program, limit, *padding);
            let runs: Vec<Run> = values::memory(ends, self.extent)
                .into_iter()
                .map(|value| padding.of(self.bench.limited(program, limit, value)))
                .collect();
            let counts = count(self.bench, program, &runs, AT_A_TIME);
            self.note(program, limit, &format!("{ends}, {padding}"), &counts);
        }
    }

    fn stack(&mut self, program: Program) {
        let ends = ends::both(self.plain, self.bench, program, Limit::Stack, Padding::NONE);
        let values = values::stack(ends, self.extent);
        let runs = self.runs(program, Limit::Stack, &values);
        let counts = count(self.bench, program, &runs, AT_A_TIME);
        self.note(program, Limit::Stack, &ends.to_string(), &counts);
    }

    fn small(&mut self, program: Program, limit: Limit) {
        let values = values::small(limit, self.extent);
        let runs = self.runs(program, limit, &values);
        // Processes are counted by user.
        let at_a_time = if limit == Limit::Nproc { 1 } else { AT_A_TIME };
        let counts = count(self.bench, program, &runs, at_a_time);
        self.note(program, limit, "", &counts);
    }

    /// The limit is one second, of which so much is left.
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
        let counts = count(self.bench, program, &runs, 2);
        self.note(program, Limit::Cpu, "", &counts);
    }

    fn runs(&self, program: Program, limit: Limit, values: &[u64]) -> Vec<Run> {
        let run = |value: &u64| self.bench.limited(program, limit, *value);
        values.iter().map(run).collect()
    }

    fn note(&mut self, program: Program, limit: Limit, more: &str, counts: &Counts) {
        self.table.row(self.bench, program, limit, more, counts);
    }
}

#[test]
fn no_limit_is_a_way_in() {
    pam_harness::require_real_host!("su", "sudo");
    let extent = Extent::wanted();
    let mut table = Table::new(extent);
    let plain = Bench::new(Stack::Unix, Addresses::Resolved);
    for (stack, addresses) in [
        (Stack::Fallback, Addresses::Resolved),
        (Stack::Fallback, Addresses::Pinned),
        (Stack::Profile, Addresses::Resolved),
        (Stack::Account, Addresses::Resolved),
    ] {
        let bench = Bench::new(stack, addresses);
        let mut sweep = Sweep {
            plain: &plain,
            bench: &bench,
            extent,
            table: &mut table,
        };
        let is_first = (stack, addresses) == (Stack::Fallback, Addresses::Resolved);
        for program in Program::ALL {
            let paddings = paddings(program, extent);
            if !is_first {
                // What differs is the stack: one padding at which sudo had the hole.
                let middle = &paddings[paddings.len() / 2..][..1];
                sweep.memory(program, Limit::As, middle);
                continue;
            }
            sweep.memory(program, Limit::As, &paddings);
            let few = match extent {
                Extent::Quick => &paddings[1..2],
                Extent::All => &paddings[..],
            };
            sweep.memory(program, Limit::Data, few);
            sweep.stack(program);
            for limit in [
                Limit::Nofile,
                Limit::Nproc,
                Limit::Fsize,
                Limit::Memlock,
                Limit::Sigpending,
            ] {
                sweep.small(program, limit);
            }
            sweep.processor_time(program);
        }
    }
    table.write("limits.txt");
    table.check();
}
