//! What is wrong with the configuration, where, and what to write instead.

use std::path::{Path, PathBuf};

use crate::host::FileFault;

/// A configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Where it is.
    pub place: Place,
    /// What is wrong and what to write instead, in one line.
    pub problem: String,
    /// Whether the configuration may be correct, but the host could not read it.
    pub host_failed: bool,
}

impl ConfigError {
    /// What is wrong at `place`, and what to write instead.
    #[must_use]
    pub fn new(place: Place, problem: impl Into<String>) -> Self {
        Self {
            place,
            problem: problem.into(),
            host_failed: false,
        }
    }

    /// What is wrong with a file as a whole.
    #[must_use]
    pub fn in_file(path: &Path, problem: impl Into<String>) -> Self {
        Self::new(Place::File(path.to_owned()), problem)
    }

    /// What is wrong in a line of a file, counted from one.
    #[must_use]
    pub fn at_line(path: &Path, line: usize, problem: impl Into<String>) -> Self {
        Self::new(Place::Line(path.to_owned(), line), problem)
    }

    /// A file that cannot be used.
    #[must_use]
    pub fn file(path: &Path, fault: &FileFault) -> Self {
        let problem = match fault.command() {
            Some(command) => format!("{fault}; run {command} {}", path.display()),
            None => fault.to_string(),
        };
        Self {
            place: Place::File(path.to_owned()),
            problem,
            host_failed: matches!(fault, FileFault::HostFailed(_)),
        }
    }
}

/// Where a wrong value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The configuration file as a whole, or a file that it names.
    File(PathBuf),
    /// A line of the configuration file, counted from one.
    Line(PathBuf, usize),
    /// A key of the configuration, in whichever file.
    Key(&'static str),
    /// An argument after the module's name in the PAM stack.
    Argument,
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.place {
            Place::File(path) => write!(f, "{}: {}", path.display(), self.problem),
            Place::Line(path, line) => write!(f, "{}:{line}: {}", path.display(), self.problem),
            Place::Key(key) => write!(f, "{key}: {}", self.problem),
            Place::Argument => write!(
                f,
                "argument of the module in the PAM stack: {}",
                self.problem
            ),
        }
    }
}

impl std::error::Error for ConfigError {}
