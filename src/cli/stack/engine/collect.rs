//! Collects the lines of files, with what they include.

use std::path::Path;

use super::Kind;
use super::control::Control;
use super::lines::{self, Age, Words};
use super::load::{Entry, Files, OTHER, Problem, Role, Service};

/// How deep files may include each other; libpam stops at 16.
const MAX_DEPTH: usize = 16;

/// libpam rejects the whole configuration.
pub(super) struct Broken;

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
pub(super) struct From<'a> {
    pub(super) path: &'a Path,
    pub(super) level: usize,
    pub(super) depth: usize,
    pub(super) own_line: Option<usize>,
    /// Lines of this kind alone.
    pub(super) only: Option<Kind>,
    /// The service that gets the lines.
    pub(super) into_other: bool,
}

impl Files {
    pub(super) fn collect_file(
        &self,
        from: &From<'_>,
        service: &mut Service,
    ) -> Result<(), Broken> {
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
    pub(super) fn collect_single(
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
