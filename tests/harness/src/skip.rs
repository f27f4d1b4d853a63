//! Tests that cannot run here are skipped with their name and the reason, and counted. None is
//! skipped silently.
//!
//! Cargo's test runner has no skipping at run time, so a skipped test counts as passed there.
//! Each one writes a line with its name, a tab and the reason to a file that `make test` reads:
//! `tests-skipped.txt` in the target directory, or the file that `PAM_HARNESS_SKIPPED` names.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

/// The file that lists skipped tests.
pub fn file() -> PathBuf {
    if let Some(path) = std::env::var_os("PAM_HARNESS_SKIPPED") {
        return PathBuf::from(path);
    }
    target_directory()
        .unwrap_or_else(std::env::temp_dir)
        .join("tests-skipped.txt")
}

/// The target directory that the running program was built into.
pub(crate) fn target_directory() -> Option<PathBuf> {
    let me = std::env::current_exe().ok()?;
    // target/debug/deps/a-test or target/debug/demo.
    let mut directory = me.parent()?;
    if directory.ends_with("deps") {
        directory = directory.parent()?;
    }
    let profile = directory.file_name()?;
    if profile != "debug" && profile != "release" {
        return None;
    }
    Some(directory.parent()?.to_owned())
}

/// Records a skipped test and prints it on standard error.
///
/// Tests use [`skip!`](crate::skip!), which knows their name.
pub fn record(test: &str, reason: &str) {
    let reason = reason.replace(['\n', '\t'], " ");
    let written = File::options()
        .append(true)
        .create(true)
        .open(file())
        // A single write of a short line, because tests run at the same time.
        .and_then(|mut file| file.write_all(format!("{test}\t{reason}\n").as_bytes()));
    // Not eprintln!, whose output the test runner keeps.
    let _ = writeln!(io::stderr(), "skipped: {test}: {reason}");
    if let Err(e) = written {
        // A test that was skipped and not counted would count as passed.
        panic!(
            "{test} is skipped, which cannot be written to {}: {e}",
            file().display()
        );
    }
}

/// The name of the function around a marker function that a macro defines.
pub fn name_of<T>(_: T) -> String {
    let name = std::any::type_name::<T>();
    name.strip_suffix("::skipped_here")
        .unwrap_or(name)
        .trim_end_matches("::{{closure}}")
        .to_owned()
}

/// Skips the test that calls it, with a reason.
///
/// ```no_run
/// # fn sudo_asks_three_times() {
/// pam_harness::skip!("sudo is not installed");
/// # }
/// ```
#[macro_export]
macro_rules! skip {
    ($($reason:tt)+) => {{
        fn skipped_here() {}
        $crate::skip::record(
            &$crate::skip::name_of(skipped_here),
            &::std::format!($($reason)+),
        );
        return;
    }};
}

/// Skips the test if there is no private mount namespace, for the user who runs it or for the
/// given user ID.
#[macro_export]
macro_rules! require_isolation {
    () => {
        $crate::require_isolation!(None)
    };
    ($uid:expr) => {
        if let $crate::Isolation::Unavailable(reason) = $crate::isolation_as($uid) {
            $crate::skip!("{reason}");
        }
    };
}

/// Skips the test unless root runs it.
#[macro_export]
macro_rules! require_root {
    () => {
        if $crate::ordinary_user().is_none() {
            $crate::skip!("only root can do this");
        }
    };
}
