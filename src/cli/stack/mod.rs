//! PAM stacks: the files below `/etc/pam.d`, as libpam reads them.

// The test that holds it to libpam uses more of it than the command.
pub(crate) mod compare;
pub(crate) mod condition;
#[allow(dead_code)]
mod engine;
pub(crate) mod person;
pub(crate) mod results;

use std::path::{Path, PathBuf};

pub(crate) use engine::Kind;
pub(crate) use engine::codes::{Code, CodeSet};
pub(crate) use engine::control::Action;
use engine::load::Files;
pub(crate) use engine::load::{Entry, Role, Service};
pub(crate) use engine::play::{Detail, play};
pub(crate) use person::Person;

/// The file name of the module in a stack.
pub(crate) const MODULE: &str = "pam_authentik_flow.so";

/// The folder of the stacks.
const PAM_DIR: &str = "/etc/pam.d";
/// Where libpam looks for services that this folder does not have.
const VENDOR_DIR: &str = "/usr/lib/pam.d";
/// The single file for all services, on systems without such a folder.
const SINGLE: &str = "/etc/pam.conf";

impl Entry {
    /// The module's file name.
    pub(crate) fn name(&self) -> &str {
        self.module.rsplit('/').next().unwrap_or_default()
    }

    /// Whether it is this project's module.
    pub(crate) fn is_ours(&self) -> bool {
        self.role == Role::Module && self.name() == MODULE
    }

    /// Its file and line, for people.
    pub(crate) fn place(&self) -> String {
        format!("{}:{}", self.file.display(), self.line)
    }
}

/// The folder of the stacks.
#[derive(Debug, Clone)]
pub(crate) struct Stacks {
    files: Files,
}

impl Stacks {
    pub(crate) fn at(dir: &Path) -> Self {
        let is_systems = dir == Path::new(PAM_DIR);
        Self {
            files: Files {
                dir: dir.into(),
                vendors: match is_systems {
                    true => vec![VENDOR_DIR.into()],
                    false => Vec::new(),
                },
                single: is_systems.then(|| SINGLE.into()),
                debian: is_debians_libpam(),
                planned: Vec::new(),
            },
        }
    }

    /// Uses `text` instead of the service's own file.
    pub(crate) fn plan(&mut self, service: &str, text: &str) {
        self.files
            .planned
            .push((self.path(service), text.to_owned()));
    }

    /// The same stacks with `text` instead of the service's own file.
    pub(crate) fn with(&self, service: &str, text: &str) -> Self {
        let mut planned = self.clone();
        planned.files.planned.clear();
        planned.plan(service, text);
        planned
    }

    /// Whether libpam is Debian's, which differs in some rules.
    pub(crate) fn debian(&self) -> bool {
        self.files.debian
    }

    /// The service's own file.
    pub(crate) fn path(&self, service: &str) -> PathBuf {
        self.files.dir.join(service)
    }

    /// The text of the service's own file, whatever its comments are written in. Empty if
    /// it cannot be read.
    pub(crate) fn text(&self, service: &str) -> String {
        self.files.read(&self.path(service)).unwrap_or_default()
    }

    /// Whether the service's own file has the block of `enable`.
    pub(crate) fn has_block(&self, service: &str) -> bool {
        super::switch::block_in(&self.text(service)).is_some()
    }

    /// The services that have a file here, in the order of their names.
    pub(crate) fn services(&self) -> Vec<String> {
        let dirs = std::iter::once(&self.files.dir).chain(&self.files.vendors);
        let mut names: Vec<String> = dirs
            .filter_map(|dir| std::fs::read_dir(dir).ok())
            .flatten()
            .flatten()
            .filter(|entry| entry.path().is_file())
            .filter_map(|entry| entry.file_name().into_string().ok())
            // Files that packages and editors leave behind are not services.
            .filter(|name| {
                !name.starts_with('.')
                    && !name.ends_with('~')
                    && ![".dpkg-", ".rpm", ".pacnew", ".pacsave", ".ucf-"]
                        .iter()
                        .any(|left| name.contains(left))
            })
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// The services whose stacks name the module, directly or by an include. Files that
    /// are only included are not services.
    pub(crate) fn naming_module(&self) -> Vec<String> {
        let mut services = self.services();
        services.retain(|service| {
            let read = self.load(service);
            let names = |kind: &Kind| read.stack(*kind).iter().any(Entry::is_ours);
            !super::switch::services::is_shared(service) && Kind::ALL.iter().any(names)
        });
        services
    }

    /// All stacks of a service.
    pub(crate) fn load(&self, service: &str) -> Service {
        self.files.load(service)
    }

    /// The modules of a service's stack, includes resolved.
    ///
    /// # Errors
    /// A service without a file, and a line that libpam cannot read as it is meant.
    pub(crate) fn entries(&self, service: &str, kind: Kind) -> Result<Vec<Entry>, String> {
        let read = self.load(service);
        readable(&read)?;
        if !read.is_there {
            return Err(format!(
                "{}: there is no such file",
                self.path(service).display()
            ));
        }
        Ok(read.stack(kind).to_vec())
    }
}

/// Checks that libpam reads all lines of a service as they are meant.
///
/// # Errors
/// The first line that it does not.
pub(crate) fn readable(service: &Service) -> Result<(), String> {
    match service.broken.iter().chain(&service.problems).next() {
        Some(problem) => Err(problem.to_string()),
        None => Ok(()),
    }
}

/// Whether the system's libpam is Debian's: it alone knows the word `@include`.
fn is_debians_libpam() -> bool {
    const WORD: &[u8] = b"@include";
    let libraries = ["/lib", "/usr/lib", "/lib64", "/usr/lib64"]
        .iter()
        .flat_map(|base| {
            // Debian has a folder for each architecture.
            let below = std::fs::read_dir(base).into_iter().flatten().flatten();
            let below = below.map(|entry| entry.path()).filter(|path| {
                let name = path.file_name().and_then(|name| name.to_str());
                name.is_some_and(|name| name.contains("-linux-gnu"))
            });
            std::iter::once(PathBuf::from(base)).chain(below)
        })
        .map(|dir| dir.join("libpam.so.0"));
    match libraries
        .into_iter()
        .find_map(|path| std::fs::read(path).ok())
    {
        Some(bytes) => bytes.windows(WORD.len()).any(|window| window == WORD),
        None => Path::new("/etc/debian_version").exists(),
    }
}
