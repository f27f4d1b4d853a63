//! The configuration as the module gets it, from the service's stack or by name.

use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};

use pam_authentik_flow::config::{Arguments, Config, ConfigError};

use super::CommandError;
use super::arguments::{Folders, Service};
use super::stack::{Entry, Kind, MODULE, Stacks};

/// A service and the module's arguments in its stack.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) service: String,
    arguments: Vec<CString>,
    /// The line of the stack with them. `None` if no stack of the service names the
    /// module, or if the command line replaces them.
    pub(crate) place: Option<String>,
}

impl Setup {
    /// For the options of a subcommand.
    ///
    /// # Errors
    /// A path that is not UTF-8 cannot be an argument of a module.
    pub(crate) fn of(options: &Service) -> Result<Self, CommandError> {
        let stacks = Stacks::at(&options.folders.pam_dir);
        Self::for_service(&options.service, options.config.as_deref(), &stacks)
    }

    /// For a service by name, as [`Setup::of`].
    ///
    /// # Errors
    /// As [`Setup::of`].
    pub(crate) fn for_service(
        service: &str,
        config: Option<&Path>,
        stacks: &Stacks,
    ) -> Result<Self, CommandError> {
        let mut setup = Self {
            service: service.into(),
            arguments: Vec::new(),
            place: None,
        };
        let ours = [Kind::Auth, Kind::Account, Kind::Password]
            .into_iter()
            .find_map(|kind| {
                let entries = stacks.entries(service, kind).ok()?;
                entries.into_iter().find(Entry::is_ours)
            });
        if let Some(entry) = ours {
            setup.place = Some(entry.place());
            setup.arguments = entry.arguments.iter().filter_map(|a| c_string(a)).collect();
        }
        if let Some(path) = config {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
            let argument = path.to_str().map(|path| format!("config={path}"));
            let argument = argument.as_deref().and_then(c_string);
            let argument = argument.ok_or("the path of --config is not UTF-8")?;
            setup
                .arguments
                .retain(|argument| !argument.to_bytes().starts_with(b"config="));
            setup.arguments.push(argument);
        }
        Ok(setup)
    }

    fn argument_list(&self) -> Vec<&CStr> {
        self.arguments.iter().map(CString::as_c_str).collect()
    }

    /// The module's arguments.
    ///
    /// # Errors
    /// The module's error for wrong arguments.
    pub(crate) fn arguments(&self) -> Result<Arguments, ConfigError> {
        Arguments::parse(&self.argument_list())
    }

    /// The configuration, read as the module reads it.
    ///
    /// # Errors
    /// The module's error for a wrong configuration.
    pub(crate) fn config(&self) -> Result<Config, ConfigError> {
        Config::load(&self.argument_list(), &self.service)
    }

    /// The configuration's path for people, even if the arguments are wrong.
    pub(crate) fn path(&self) -> PathBuf {
        let arguments = self.arguments().or_else(|_| Arguments::parse(&[]));
        arguments.map_or_else(|_| PathBuf::new(), |read| read.config.as_path().into())
    }
}

fn c_string(text: &str) -> Option<CString> {
    CString::new(text).ok()
}

/// The file that libpam loads for a module's name in a stack.
///
/// # Errors
/// The places where libpam looks, if it is in none of them.
pub(crate) fn find_module(module: &str, folders: &Folders) -> Result<PathBuf, Vec<PathBuf>> {
    if module.starts_with('/') {
        let path = PathBuf::from(module);
        return if path.is_file() {
            Ok(path)
        } else {
            Err(vec![path])
        };
    }
    let dirs = match &folders.module_dir {
        Some(dir) => vec![dir.clone()],
        None => module_dirs(),
    };
    let places: Vec<PathBuf> = dirs.iter().map(|dir| dir.join(module)).collect();
    match places.iter().find(|place| place.is_file()) {
        Some(place) => Ok(place.clone()),
        None => Err(places),
    }
}

/// Where the module is installed, under its own name.
///
/// # Errors
/// As [`find_module`].
pub(crate) fn find_ours(folders: &Folders) -> Result<PathBuf, Vec<PathBuf>> {
    find_module(MODULE, folders)
}

/// This system's folders of PAM modules: those with pam_unix.so.
fn module_dirs() -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> = ["/lib64", "/usr/lib64", "/lib", "/usr/lib"]
        .iter()
        .map(|dir| Path::new(dir).join("security"))
        .collect();
    // Debian and its relatives have a folder for each architecture.
    for base in ["/lib", "/usr/lib"] {
        let entries = std::fs::read_dir(base).into_iter().flatten().flatten();
        dirs.extend(entries.map(|entry| entry.path().join("security")));
    }
    dirs.retain(|dir| dir.join("pam_unix.so").is_file());
    let mut known: Vec<PathBuf> = Vec::new();
    dirs.retain(|dir| {
        // /lib is a link to /usr/lib on most of them.
        let real = dir.canonicalize().unwrap_or_else(|_| dir.clone());
        let new = !known.contains(&real);
        known.push(real);
        new
    });
    dirs
}
