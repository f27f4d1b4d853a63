//! Which version served which test. `scripts/other-version` reads it, to run each test with a
//! flow against the oldest and the newest.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::version::Version;

/// What a double has answered.
#[derive(Debug, Default)]
pub(crate) struct Served {
    flows: AtomicUsize,
    others: AtomicUsize,
}

impl Served {
    /// Counts a request for this path.
    pub(crate) fn count(&self, path: &str) {
        if path.starts_with("/api/v3/flows/executor/") {
            self.flows.fetch_add(1, Ordering::Relaxed);
        } else if path.starts_with("/api/v3/") {
            self.others.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Appends a line to the file that `AUTHENTIK_DOUBLE_SERVED` names: the test program, the
    /// version, the test, and how many requests it made to flows and to the rest of the API.
    ///
    /// # Panics
    /// If it cannot be written: a test that is missing there would count as one without a flow.
    #[allow(
        clippy::disallowed_methods,
        reason = "the environment of a test is its caller's"
    )]
    pub(crate) fn write_down(&self, test: &str, version: Version) {
        let Some(path) = std::env::var_os("AUTHENTIK_DOUBLE_SERVED").map(PathBuf::from) else {
            return;
        };
        let program = std::env::current_exe().ok();
        let program = program
            .as_deref()
            .and_then(|path| path.file_stem()?.to_str());
        let (program, _) = program
            .unwrap_or_default()
            .rsplit_once('-')
            .unwrap_or_default();
        let flows = self.flows.load(Ordering::Relaxed);
        let others = self.others.load(Ordering::Relaxed);
        let line = format!("{program}\t{}\t{test}\t{flows}\t{others}\n", version.name());
        // One write of a short line: tests run side by side.
        let written = File::options()
            .append(true)
            .create(true)
            .open(&path)
            .and_then(|mut file| file.write_all(line.as_bytes()));
        if let Err(why) = written {
            eprintln!("{}: {why}", path.display());
            std::process::abort();
        }
    }
}
