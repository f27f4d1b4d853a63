//! Reads the files of a service's stacks as libpam does when a transaction starts.

use std::path::{Path, PathBuf};

use super::Kind;
use super::collect::From;
use super::control::Control;

/// The service whose stacks are used for kinds that a service does not have.
pub(crate) const OTHER: &str = "other";

/// What an entry of a stack is to libpam.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A module that is called.
    Module,
    /// The head of a substack; its control is never looked at.
    Substack,
    /// A line that libpam cannot use: it counts as a module that returns
    /// `PAM_PERM_DENIED`.
    MustFail,
}

/// One line of a stack, with includes resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The file of the line.
    pub(crate) file: PathBuf,
    /// The line in that file, from one.
    pub(crate) line: usize,
    /// The line of the service's own file that included it.
    pub(crate) own_line: usize,
    /// The number of substacks around it.
    pub(crate) level: usize,
    pub(crate) role: Role,
    pub(crate) control: Control,
    /// The module, or the file of a substack, as written.
    pub(crate) module: String,
    pub(crate) arguments: Vec<String>,
}

/// A line that does not do what its author expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
    pub(crate) what: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}:{}: {}", self.file.display(), self.line, self.what)
    }
}

/// The places of libpam's files, and the rules by which it reads them.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    /// The folder of the stacks, `/etc/pam.d`.
    pub(crate) dir: PathBuf,
    /// Folders in which libpam looks for services that `dir` does not have.
    pub(crate) vendors: Vec<PathBuf>,
    /// The single file for all services, which libpam reads if none of the folders
    /// exists.
    pub(crate) single: Option<PathBuf>,
    /// Debian's libpam: it knows `@include`, looks for included files only in `dir`,
    /// and does not count a jump of a followed chain as a success or failure.
    pub(crate) debian: bool,
    /// Files with planned contents, read instead of those on disk.
    pub(crate) planned: Vec<(PathBuf, String)>,
}

/// The stacks of a service.
#[derive(Debug, Clone, Default)]
pub(crate) struct Service {
    pub(super) own: Stacks,
    pub(super) other: Stacks,
    /// Lines that do not do what they appear to do.
    pub(crate) problems: Vec<Problem>,
    /// Why every call fails: libpam rejects the whole configuration.
    pub(crate) broken: Option<Problem>,
    /// The behaviour is undefined: an `@include` below another include failed, and
    /// Debian's libpam then uses an uninitialised control.
    pub(crate) undefined: bool,
    /// The files that were read.
    pub(crate) files: Vec<PathBuf>,
    /// Whether the service has its own file, or lines in the single file.
    pub(crate) is_there: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Stacks {
    auth: Vec<Entry>,
    account: Vec<Entry>,
    session: Vec<Entry>,
    password: Vec<Entry>,
}

impl Stacks {
    fn of(&self, kind: Kind) -> &Vec<Entry> {
        match kind {
            Kind::Auth => &self.auth,
            Kind::Account => &self.account,
            Kind::Session => &self.session,
            Kind::Password => &self.password,
        }
    }

    pub(super) fn of_mut(&mut self, kind: Kind) -> &mut Vec<Entry> {
        match kind {
            Kind::Auth => &mut self.auth,
            Kind::Account => &mut self.account,
            Kind::Session => &mut self.session,
            Kind::Password => &mut self.password,
        }
    }
}

impl Service {
    /// The stack of a kind: the service's own, or `other`'s if the service has no line
    /// of that kind.
    pub(crate) fn stack(&self, kind: Kind) -> &[Entry] {
        match self.own.of(kind) {
            own if own.is_empty() => self.other.of(kind),
            own => own,
        }
    }

    /// The service's own lines of a kind.
    pub(crate) fn own(&self, kind: Kind) -> &[Entry] {
        self.own.of(kind)
    }
}

impl Files {
    /// The service's file: in the folder, or in the system's own folders.
    pub(crate) fn find_service(&self, name: &str) -> Option<PathBuf> {
        let mut dirs = vec![&self.dir];
        dirs.extend(&self.vendors);
        let paths = dirs.into_iter().map(|dir| dir.join(name));
        paths.into_iter().find(|path| self.is_there(path))
    }

    /// The file that an include means.
    pub(super) fn find_included(&self, name: &str) -> Option<PathBuf> {
        match self.debian || name.starts_with('/') {
            true => Some(self.dir.join(name)).filter(|path| self.is_there(path)),
            false => self.find_service(name),
        }
    }

    fn is_there(&self, path: &Path) -> bool {
        self.planned.iter().any(|(planned, _)| planned == path) || path.exists()
    }

    pub(crate) fn read(&self, path: &Path) -> std::io::Result<String> {
        if let Some((_, text)) = self.planned.iter().find(|(planned, _)| planned == path) {
            return Ok(text.clone());
        }
        // libpam reads a folder, too, as a file without lines.
        if path.is_dir() {
            return Ok(String::new());
        }
        let bytes = std::fs::read(path)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Reads the stacks of a service, and those of `other`.
    pub(crate) fn load(&self, name: &str) -> Service {
        let mut service = Service::default();
        let has_folder = self.dir.is_dir() || self.vendors.iter().any(|dir| dir.is_dir());
        let from = |path, into_other| From {
            path,
            level: 0,
            depth: 0,
            own_line: None,
            only: None,
            into_other,
        };
        if !has_folder {
            if let Some(path) = &self.single {
                let _ = self.collect_single(&from(path, false), name, &mut service);
            }
            return service;
        }
        let own = self.find_service(name);
        service.is_there = own.is_some();
        let mut read_something = false;
        if let Some(path) = &own {
            if self
                .collect_file(&from(path, name == OTHER), &mut service)
                .is_err()
            {
                return service;
            }
            read_something = true;
        }
        if name == OTHER {
            return service;
        }
        let problems = service.problems.len();
        match self.find_service(OTHER) {
            Some(path) => {
                // The error is kept there.
                let _ = self.collect_file(&from(&path, true), &mut service);
            }
            None if !read_something => {
                service.broken = Some(Problem {
                    file: self.dir.join(name),
                    line: 0,
                    what: "neither this file nor one named other is there".into(),
                });
            }
            None => {}
        }
        // Odd lines of `other` count only if they are used.
        service.problems.truncate(problems);
        service
    }
}
