//! PAM stacks: the files below `/etc/pam.d`, as libpam reads them.

mod dispatch;
mod parse;
mod scene;

use std::path::{Path, PathBuf};

pub(crate) use dispatch::{Action, succeeds};
use parse::{Directive, Line};
pub(crate) use scene::{Person, Scene, mentioned};

/// The file name of the module in a stack.
pub(crate) const MODULE: &str = "pam_authentik_flow.so";

/// Where libpam looks for a file that `/etc/pam.d` has not.
const VENDOR_DIR: &str = "/usr/lib/pam.d";
/// How deep files may include each other; libpam stops at 16.
const MAX_DEPTH: usize = 16;

/// What a stack is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Auth,
    Account,
    Session,
    Password,
}

impl Kind {
    /// Its name in a file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Account => "account",
            Self::Session => "session",
            Self::Password => "password",
        }
    }
}

/// One module of a stack, wherever it was included from.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The file that names it.
    pub(crate) file: PathBuf,
    /// The line in that file, from one.
    pub(crate) line: usize,
    /// The line of the service's own file by which it came in.
    pub(crate) own_line: usize,
    /// How many substacks it stands in.
    pub(crate) level: usize,
    /// What each result leads to; `None` for the head of a substack.
    pub(crate) control: Option<dispatch::Control>,
    /// The module, as written.
    pub(crate) module: String,
    /// What stands behind it.
    pub(crate) arguments: Vec<String>,
}

impl Entry {
    /// The module's file name.
    pub(crate) fn name(&self) -> &str {
        self.module.rsplit('/').next().unwrap_or_default()
    }

    /// Whether it is this project's module.
    pub(crate) fn is_ours(&self) -> bool {
        self.control.is_some() && self.name() == MODULE
    }

    /// Where it stands, for people.
    pub(crate) fn place(&self) -> String {
        format!("{}:{}", self.file.display(), self.line)
    }
}

/// The folder of the stacks.
#[derive(Debug, Clone)]
pub(crate) struct Stacks {
    dir: PathBuf,
    /// Files that are read as they will be.
    planned: Vec<(PathBuf, String)>,
}

impl Stacks {
    pub(crate) fn at(dir: &Path) -> Self {
        Self {
            dir: dir.into(),
            planned: Vec::new(),
        }
    }

    /// From now on the service's own file is read as `text`.
    pub(crate) fn plan(&mut self, service: &str, text: &str) {
        self.planned.push((self.path(service), text.to_owned()));
    }

    /// The service's own file.
    pub(crate) fn path(&self, service: &str) -> PathBuf {
        self.dir.join(service)
    }

    /// The services that have a file here, in the order of their names.
    pub(crate) fn services(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(&self.dir)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.path().is_file())
            .filter_map(|entry| entry.file_name().into_string().ok())
            // What packages and editors leave behind is no program's service.
            .filter(|name| {
                !name.starts_with('.')
                    && !name.ends_with('~')
                    && ![".dpkg-", ".rpm", ".pacnew", ".pacsave", ".ucf-"]
                        .iter()
                        .any(|left| name.contains(left))
            })
            .collect();
        names.sort();
        names
    }

    /// The modules of a service's stack, includes resolved.
    ///
    /// # Errors
    /// A file that cannot be read, a line that libpam could not read either.
    pub(crate) fn entries(&self, service: &str, kind: Kind) -> Result<Vec<Entry>, String> {
        let path = self.path(service);
        let text = self.read(&path)?;
        self.entries_of_text(&path, &text, kind)
    }

    /// The same, for a service's file that is not written yet.
    ///
    /// # Errors
    /// As [`Stacks::entries`].
    pub(crate) fn entries_of_text(
        &self,
        path: &Path,
        text: &str,
        kind: Kind,
    ) -> Result<Vec<Entry>, String> {
        let mut entries = Vec::new();
        let from = From {
            path,
            level: 0,
            depth: 0,
            own_line: None,
        };
        self.collect(&from, text, kind, &mut entries)?;
        Ok(entries)
    }

    fn collect(
        &self,
        from: &From<'_>,
        text: &str,
        kind: Kind,
        entries: &mut Vec<Entry>,
    ) -> Result<(), String> {
        if from.depth > MAX_DEPTH {
            return Err(format!("{}: files include each other", from.path.display()));
        }
        for line in parse::lines(text) {
            let Line { number, directive } = line.map_err(|(number, problem)| {
                format!("{}:{number}: {problem}", from.path.display())
            })?;
            let own_line = from.own_line.unwrap_or(number);
            let (what, level) = match directive {
                Directive::IncludeAll(name) => (name, from.level),
                Directive::Include { kind: of, name } if of == kind => (name, from.level),
                Directive::Substack { kind: of, name } if of == kind => {
                    entries.push(Entry {
                        file: from.path.into(),
                        line: number,
                        own_line,
                        level: from.level,
                        control: None,
                        module: name.clone(),
                        arguments: Vec::new(),
                    });
                    (name, from.level.saturating_add(1))
                }
                Directive::Module {
                    kind: of,
                    control,
                    module,
                    arguments,
                } => {
                    if of == kind {
                        entries.push(Entry {
                            file: from.path.into(),
                            line: number,
                            own_line,
                            level: from.level,
                            control: Some(control),
                            module,
                            arguments,
                        });
                    }
                    continue;
                }
                _ => continue,
            };
            let path = self.find(&what);
            let text = self
                .read(&path)
                .map_err(|why| format!("{}:{number} includes {why}", from.path.display()))?;
            let from = From {
                path: &path,
                level,
                depth: from.depth.saturating_add(1),
                own_line: Some(own_line),
            };
            self.collect(&from, &text, kind, entries)?;
        }
        Ok(())
    }

    fn read(&self, path: &Path) -> Result<String, String> {
        if let Some((_, text)) = self.planned.iter().find(|(planned, _)| planned == path) {
            return Ok(text.clone());
        }
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// The file that an include means.
    fn find(&self, name: &str) -> PathBuf {
        let here = self.dir.join(name);
        let vendor = Path::new(VENDOR_DIR).join(name);
        if !here.exists() && vendor.exists() {
            vendor
        } else {
            here
        }
    }
}

/// From where lines are read.
struct From<'a> {
    path: &'a Path,
    level: usize,
    depth: usize,
    own_line: Option<usize>,
}
