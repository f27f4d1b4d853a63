//! The figures of a sweep, as `make test` prints them.

use super::bench::Program;
use super::class::Counts;
use super::ends::{Ends, Padding};
use super::values::Extent;
use pam_harness::host::Limit;
use std::fmt::{self, Write};
use std::time::Instant;

/// The variable that says that the module has the hole, so that the sweep must find it. It
/// serves to test the sweep with an old module.
const EXPECT_HOLE: &str = "PAM_HARNESS_EXPECT_HOLE";

/// The figures.
pub(crate) struct Table {
    extent: Extent,
    begun: Instant,
    text: String,
    total: Counts,
}

/// The figures of one limit.
pub(crate) struct Row {
    pub(crate) bench: String,
    pub(crate) program: Program,
    pub(crate) limit: Limit,
    /// The ends and the padding.
    pub(crate) more: String,
    pub(crate) counts: Counts,
}

const HEAD: &str = "program limit       runs  not reached  host failure  refused  logins  \
                    UNAVAIL  deaths  earlier  CPU limit  timed out";

impl Table {
    pub(crate) fn new(extent: Extent) -> Table {
        Table {
            extent,
            begun: Instant::now(),
            text: format!("{HEAD}\n"),
            total: Counts::default(),
        }
    }

    pub(crate) fn add(&mut self, row: &Row) {
        let Row { counts, more, .. } = row;
        let first = format!("{:<7} {:<10}", row.program.name(), row.limit.name());
        let _ = writeln!(
            self.text,
            "{first}{}  {}  {more}",
            figures(counts),
            row.bench
        );
        self.total.add(counts);
    }

    /// Writes the table to the file that `make test` reads.
    pub(crate) fn write(&self, name: &str) {
        let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("hosts");
        std::fs::create_dir_all(&directory).expect("the table's directory");
        let text = format!("limits of su and sudo, authentik up and refusing\n{}", self);
        std::fs::write(directory.join(name), text).expect("the table is written");
    }

    /// Fails if a run had a forbidden result, or if the runs show too little.
    #[track_caller]
    pub(crate) fn check(&self) {
        let total = &self.total;
        if std::env::var_os(EXPECT_HOLE).is_some() {
            assert!(
                total.logins > 0,
                "no login ended with PAM_SUCCESS, although the module is broken on purpose\n{self}"
            );
            return;
        }
        assert!(total.is_clean(), "{self}\n{}", total.offences.join("\n"));
        let (runs, reached, refused) = match self.extent {
            Extent::Quick => (1_200, 700, 300),
            Extent::All => (5_000, 3_000, 1_000),
        };
        assert!(total.runs >= runs, "{self}");
        assert!(total.reached() >= reached, "{self}");
        assert!(total.refused >= refused, "{self}");
    }
}

fn figures(counts: &Counts) -> String {
    format!(
        "{:>6} {:>12} {:>13} {:>8} {:>7} {:>8} {:>7} {:>8} {:>10} {:>10}",
        counts.runs,
        counts.not_reached,
        counts.host_failures,
        counts.refused,
        counts.logins,
        counts.unavailable,
        counts.deaths,
        counts.earlier_deaths,
        counts.cpu_limit,
        counts.timed_out
    )
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.begun.elapsed().as_secs();
        writeln!(
            f,
            "{}{:<18}{}  in {seconds} s",
            self.text,
            "all",
            figures(&self.total)
        )
    }
}

impl fmt::Display for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [unix, module, enough] = [self.unix, self.module, self.enough].map(|end| end / 1024);
        write!(
            f,
            "KiB: pam_unix {unix}, the module {module}, enough {enough}"
        )
    }
}

impl fmt::Display for Padding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "padding {}+{}", self.environment, self.argument)
    }
}
