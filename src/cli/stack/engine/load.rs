//! Reads the files of a service's stacks as libpam does when a transaction starts.

use std::path::{Path, PathBuf};

use super::Kind;
use super::control::Control;
use super::lines::{self, Age, Words};

/// The service whose stacks are used for kinds that a service does not have.
pub(crate) const OTHER: &str = "other";
/// How deep files may include each other; libpam stops at 16.
const MAX_DEPTH: usize = 16;

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
    own: Stacks,
    other: Stacks,
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
struct Stacks {
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

    fn of_mut(&mut self, kind: Kind) -> &mut Vec<Entry> {
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

/// libpam rejects the whole configuration.
struct Broken;

/// An include.
struct Included<'a> {
    /// The line.
    number: usize,
    name: &'a str,
    /// Lines of this kind alone.
    only: Option<Kind>,
    /// One for a substack.
    deeper: usize,
}

/// The source of lines.
struct From<'a> {
    path: &'a Path,
    level: usize,
    depth: usize,
    own_line: Option<usize>,
    /// Lines of this kind alone.
    only: Option<Kind>,
    /// The service that gets the lines.
    into_other: bool,
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
    fn find_included(&self, name: &str) -> Option<PathBuf> {
        match self.debian || name.starts_with('/') {
            true => Some(self.dir.join(name)).filter(|path| self.is_there(path)),
            false => self.find_service(name),
        }
    }

    fn is_there(&self, path: &Path) -> bool {
        self.planned.iter().any(|(planned, _)| planned == path) || path.exists()
    }

    fn read(&self, path: &Path) -> std::io::Result<String> {
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

    fn collect_file(&self, from: &From<'_>, service: &mut Service) -> Result<(), Broken> {
        let text = self.read_or_break(from.path, service)?;
        if !service.files.iter().any(|known| known == from.path) {
            service.files.push(from.path.into());
        }
        self.collect(from, &text, service)
    }

    fn read_or_break(&self, path: &Path, service: &mut Service) -> Result<String, Broken> {
        self.read(path).map_err(|error| {
            service.broken.get_or_insert(Problem {
                file: path.into(),
                line: 0,
                what: error.to_string(),
            });
            Broken
        })
    }

    fn collect(&self, from: &From<'_>, text: &str, service: &mut Service) -> Result<(), Broken> {
        let read = self.lines(from, text, service);
        for line in &read.lines {
            self.line(from, line.number, &mut Words::of(&line.text), service)?;
        }
        finished(from, &read, service)
    }

    /// The one file for all services.
    fn collect_single(
        &self,
        from: &From<'_>,
        name: &str,
        service: &mut Service,
    ) -> Result<(), Broken> {
        // Without this file libpam has no configuration at all: pam_start fails.
        let text = self.read_or_break(from.path, service)?;
        let read = self.lines(from, &text, service);
        for line in &read.lines {
            let mut words = Words::of(&line.text);
            let of = words.next().unwrap_or_default();
            let into_other = of.eq_ignore_ascii_case(OTHER);
            if !of.eq_ignore_ascii_case(name) && !into_other {
                continue;
            }
            service.is_there |= !into_other;
            let from = From {
                into_other,
                ..*from
            };
            self.line(&from, line.number, &mut words, service)?;
        }
        finished(from, &read, service)
    }

    fn lines(&self, from: &From<'_>, text: &str, service: &mut Service) -> lines::Lines {
        let (old, new) = (
            lines::assemble(text, Age::Old),
            lines::assemble(text, Age::New),
        );
        let problem = |line, what: &str| Problem {
            file: from.path.into(),
            line,
            what: what.into(),
        };
        if let Some((line, _)) = old.lines.iter().zip(&new.lines).find(|(a, b)| a != b) {
            service.problems.push(problem(
                line.number,
                "a comment or a blank line stands between this line and its continuation: libpam 1.7 reads that in another way than the ones before",
            ));
        }
        let long = new
            .lines
            .iter()
            .find(|line| line.text.len() > lines::OLD_LINE);
        if let Some(line) = long {
            service.problems.push(problem(
                line.number,
                "this line is longer than 1023 bytes, where libpam before 1.7 cuts it",
            ));
        }
        new
    }

    fn line(
        &self,
        from: &From<'_>,
        number: usize,
        words: &mut Words<'_>,
        service: &mut Service,
    ) -> Result<(), Broken> {
        let problem = |what: String| Problem {
            file: from.path.into(),
            line: number,
            what,
        };
        let first = words.next().unwrap_or_default();
        if self.debian && first.eq_ignore_ascii_case("@include") {
            let Some(name) = words.next() else {
                return broken(service, problem("@include names no file".into()));
            };
            let problems = service.problems.len();
            let what = Included {
                number,
                name: &name,
                only: from.only,
                deeper: 0,
            };
            let included = self.include(from, &what, service);
            let failed = service.problems.iter().skip(problems);
            let failed = failed
                .into_iter()
                .any(|problem| problem.line == number && problem.file == from.path);
            service.undefined |= failed;
            return included;
        }
        let mut entry = Entry {
            file: from.path.into(),
            line: number,
            own_line: from.own_line.unwrap_or(number),
            level: from.level,
            role: Role::Module,
            control: Control::all_bad(),
            module: String::new(),
            arguments: Vec::new(),
        };
        // A leading dash: libpam does not log a missing module.
        let word = first.strip_prefix('-').unwrap_or(&first);
        let kind = Kind::named(word);
        if kind.is_none() {
            entry.role = Role::MustFail;
            service.problems.push(problem(format!(
                "{first:?} is none of auth, account, session, password: libpam takes the line for a module that refuses"
            )));
        }
        // Codes without an action are failures.
        let kind = kind.or(from.only).unwrap_or(Kind::Auth);
        if from.only.is_some_and(|only| only != kind) {
            return Ok(());
        }
        let control = words.next();
        let included = match control.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("include") => Some(0),
            Some("substack") => Some(1),
            _ => None,
        };
        let target = words.next();
        if let Some(deeper) = included {
            let Some(name) = target else {
                return broken(service, problem("it names no file to include".into()));
            };
            if deeper > 0 {
                entry.role = Role::Substack;
                entry.module.clone_from(&name);
                put(service, from, kind, entry);
            }
            let what = Included {
                number,
                name: &name,
                only: Some(kind),
                deeper,
            };
            return self.include(from, &what, service);
        }
        let wrong = complete(&mut entry, control.as_deref(), target);
        service.problems.extend(wrong.map(problem));
        if !entry.module.is_empty() && module_name(&entry.module).is_none() {
            return broken(service, problem(format!("{:?} is no module", entry.module)));
        }
        entry.arguments = words.collect();
        put(service, from, kind, entry);
        Ok(())
    }

    fn include(
        &self,
        from: &From<'_>,
        what: &Included<'_>,
        service: &mut Service,
    ) -> Result<(), Broken> {
        let Included {
            number,
            name,
            only,
            deeper,
        } = *what;
        let own_line = from.own_line.unwrap_or(number);
        let path = self.find_included(name);
        let included = match &path {
            Some(path) if from.depth < MAX_DEPTH.saturating_sub(1) => {
                let from = From {
                    path,
                    level: from.level.saturating_add(deeper),
                    depth: from.depth.saturating_add(1),
                    own_line: Some(own_line),
                    only,
                    into_other: from.into_other,
                };
                self.collect_file(&from, service)
            }
            _ => Err(Broken),
        };
        if included.is_ok() {
            return Ok(());
        }
        let what = match (&path, service.broken.take()) {
            (_, Some(inner)) => format!("it includes {inner}"),
            (None, _) => format!("it includes {name}, which is not there"),
            (Some(_), None) => format!("it includes {name}: files include each other"),
        };
        let problem = Problem {
            file: from.path.into(),
            line: number,
            what,
        };
        let Some(kind) = only else {
            return broken(service, problem);
        };
        service.problems.push(Problem {
            what: format!(
                "{}; libpam takes the line for a module that refuses",
                problem.what
            ),
            ..problem
        });
        let entry = Entry {
            file: from.path.into(),
            line: number,
            own_line,
            level: from.level,
            role: Role::MustFail,
            control: Control::all_bad(),
            module: name.to_owned(),
            arguments: Vec::new(),
        };
        put(service, from, kind, entry);
        Ok(())
    }
}

/// Parses the control and the module of a line. Returns what is wrong with them.
fn complete(entry: &mut Entry, control: Option<&str>, module: Option<String>) -> Option<String> {
    let mut wrong = match control {
        Some(text) => {
            let (control, problem) = Control::parse(text);
            entry.control = control;
            problem.map(|problem| {
                format!("{text:?} is no control: {problem}; libpam takes every result of the module for a failure")
            })
        }
        None => {
            entry.role = Role::MustFail;
            Some("the control, such as required, is missing: libpam takes the line for a module that refuses".into())
        }
    };
    match module {
        Some(module) => entry.module = module,
        None => {
            if entry.role == Role::Module {
                wrong = Some(
                    "the module is missing: libpam takes the line for one that refuses".into(),
                );
            }
            entry.role = Role::MustFail;
        }
    }
    wrong
}

fn put(service: &mut Service, from: &From<'_>, kind: Kind, entry: Entry) {
    let stacks = match from.into_other {
        true => &mut service.other,
        false => &mut service.own,
    };
    stacks.of_mut(kind).push(entry);
}

fn broken(service: &mut Service, problem: Problem) -> Result<(), Broken> {
    service.broken.get_or_insert(problem);
    Err(Broken)
}

fn finished(from: &From<'_>, read: &lines::Lines, service: &mut Service) -> Result<(), Broken> {
    match read.unfinished {
        None => Ok(()),
        Some(line) => broken(
            service,
            Problem {
                file: from.path.into(),
                line,
                what:
                    "the last line ends in a backslash, so libpam takes the whole file for broken"
                        .into(),
            },
        ),
    }
}

/// The name by which libpam calls a module, without folder and suffix. Without one
/// libpam gives up.
fn module_name(module: &str) -> Option<&str> {
    let name = module.rsplit('/').next().unwrap_or_default();
    let name = name.rsplit_once('.').map_or(name, |(name, _)| name);
    (!name.is_empty() && name != "?").then_some(name)
}
