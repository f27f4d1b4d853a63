//! The values of a limit that are tried.

use super::ends::{Ends, PAGE};
use pam_harness::host::Limit;
use std::collections::BTreeSet;

/// How much is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// A part that takes a minute.
    Quick,
    /// All of it.
    All,
}

impl Extent {
    /// `make soak` runs all.
    pub(crate) fn wanted() -> Extent {
        match std::env::var_os("PAM_HARNESS_SOAK") {
            Some(_) => Extent::All,
            None => Extent::Quick,
        }
    }
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// The sizes of what the module and glibc allocate: a page, buffers of TLS and
/// HTTP, a record of TLS, stdio and resolver buffers, the threshold from which
/// malloc uses mmap, arenas.
const SIZES: [u64; 8] = [
    4 * KIB,
    8 * KIB,
    16 * KIB,
    17 * KIB,
    64 * KIB,
    128 * KIB,
    132 * KIB,
    MIB,
];

/// The values of AS and DATA: coarse up to where the module is reached, fine after that, where
/// its allocations and those of glibc fail one after the other, and coarse up to where the
/// limit has no effect.
pub(crate) fn memory(ends: Ends, extent: Extent) -> Vec<u64> {
    // A hole was seven pages wide, 0.4 to 0.7 MiB after the bound.
    let (step, fine_end, coarse) = match extent {
        Extent::Quick => (5 * PAGE, 768 * KIB, 256 * KIB),
        Extent::All => (PAGE, 1280 * KIB, 64 * KIB),
    };
    let mut values = BTreeSet::new();
    let start = ends.unix.min(ends.module);
    values.extend(steps(start, ends.module, 256 * KIB));
    values.extend(steps(
        ends.module.saturating_sub(16 * PAGE),
        ends.module + fine_end,
        step,
    ));
    values.extend(steps(ends.module + fine_end, ends.module + 3 * MIB, coarse));
    // Where the limit starts to have no effect.
    let enough = ends.enough;
    values.extend(steps(ends.module + 3 * MIB, enough, 2 * coarse));
    values.extend(steps(
        enough.saturating_sub(8 * PAGE),
        enough + 8 * PAGE,
        step,
    ));
    values.extend(steps(enough, enough + 512 * KIB, coarse / 4));
    values.extend([1, 2, 4, 8, 16, 32].map(|more| enough + more * MIB));
    for size in SIZES {
        let at = ends.module + size;
        let around = [at - PAGE, at, at + PAGE];
        values.extend(around);
    }
    values.into_iter().collect()
}

/// The values of a stack's limit: fine from the smallest that works. The place of the stack is
/// random, so at the very smallest value a program sometimes dies in its own libraries.
pub(crate) fn stack(ends: Ends, extent: Extent) -> Vec<u64> {
    let step = match extent {
        Extent::Quick => 4 * PAGE,
        Extent::All => PAGE,
    };
    let mut values = BTreeSet::new();
    let start = ends.unix + 2 * PAGE;
    values.extend(steps(start, start + 384 * KIB, step));
    values.extend([1, 2, 4, 8].map(|size| size * MIB));
    values.into_iter().collect()
}

/// The values of the other limits, which are numbers of things.
pub(crate) fn small(limit: Limit, extent: Extent) -> Vec<u64> {
    match (limit, extent) {
        (Limit::Nofile, _) => (0..=40).chain([64, 256]).collect(),
        (Limit::Nproc, _) => (0..=6).chain([20]).collect(),
        (Limit::Fsize, Extent::Quick) => vec![0, 1, 100, 512, 1024, 4096, 65_536],
        (Limit::Fsize, Extent::All) => (0..64).map(|n| n * 64).chain([65_536]).collect(),
        (Limit::Memlock, _) => vec![0, PAGE, 16 * PAGE, 64 * PAGE],
        (Limit::Sigpending, _) => vec![0, 1, 2, 8, 64],
        _ => Vec::new(),
    }
}

fn steps(from: u64, to: u64, step: u64) -> impl Iterator<Item = u64> {
    (from..=to).step_by(usize::try_from(step).unwrap_or(1))
}
