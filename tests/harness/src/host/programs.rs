//! The programs of the machine that a host needs, and whether they are installed.

use super::RealHost;
use crate::module::{Module, workspace};
use authentik_double::Double;
use nix::unistd::Uid;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Whether hosts with these programs are possible here.
///
/// # Errors
///
/// The reason, for [`skip!`](crate::skip!).
pub fn available(programs: &[&str]) -> Result<(), String> {
    if !Uid::effective().is_root() {
        return Err(String::from("only root can do this"));
    }
    if let Some(missing) = programs.iter().find(|name| find_program(name).is_none()) {
        return Err(format!("{missing} is not installed"));
    }
    // Tried once, by starting a host.
    static PROBE: OnceLock<Result<(), String>> = OnceLock::new();
    let probe = || {
        // A module that is missing or old makes the test fail, and is not a reason to skip it.
        let host = RealHost::new(&Double::start()).module(Module::at("/dev/null"));
        host.try_start().map(drop)
    };
    PROBE.get_or_init(probe).clone()
}

/// Where a program is.
pub(super) fn find_program(name: &str) -> Option<PathBuf> {
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        .iter()
        .map(|directory| Path::new(directory).join(name))
        .find(|path| path.is_file())
}

/// The directory where the packages are unpacked that `scripts/require packages` fetches. They
/// are not installed, and a host has them when [its builder](super::RealHostBuilder::packages)
/// is told. Each of the programs is among them or installed on the machine.
///
/// # Errors
///
/// The reason, for [`skip!`](crate::skip!).
pub fn packages(programs: &[&str]) -> Result<PathBuf, String> {
    let target = crate::skip::target_directory().unwrap_or_else(|| workspace().join("target"));
    let directory = target.join("packages/root");
    let is_there = |name: &&&str| {
        let unpacked = ["usr/sbin", "usr/bin", "usr/lib", "usr/lib64"]
            .iter()
            .map(|place| directory.join(place).join(name));
        find_program(name).is_some() || unpacked.into_iter().any(|path| path.is_file())
    };
    match programs.iter().find(|name| !is_there(name)) {
        Some(missing) => Err(format!(
            "{missing} is neither installed nor unpacked in {}",
            directory.display()
        )),
        None => Ok(directory),
    }
}

/// Where the system keeps its PAM modules.
pub(super) fn module_directory() -> Result<PathBuf, String> {
    let mut candidates: Vec<PathBuf> = ["/usr/lib64", "/lib64", "/usr/lib", "/lib"]
        .iter()
        .map(PathBuf::from)
        .collect();
    for parent in ["/usr/lib", "/lib"] {
        let entries = Path::new(parent).read_dir().into_iter().flatten().flatten();
        candidates.extend(entries.map(|entry| entry.path()));
    }
    candidates
        .into_iter()
        .map(|directory| directory.join("security"))
        .find(|directory| directory.join("pam_unix.so").is_file())
        .and_then(|directory| directory.canonicalize().ok())
        .ok_or_else(|| String::from("pam_unix.so is in none of the usual directories"))
}

/// Skips the test if a [`RealHost`] with these programs is not possible.
#[macro_export]
macro_rules! require_real_host {
    ($($program:expr),* $(,)?) => {
        if let ::std::result::Result::Err(reason) = $crate::host::available(&[$($program),*]) {
            $crate::skip!("{reason}");
        }
    };
}

/// The directory where these programs are unpacked. Skips the test if they are not available.
#[macro_export]
macro_rules! require_packages {
    ($($program:expr),* $(,)?) => {
        match $crate::host::packages(&[$($program),*]) {
            ::std::result::Result::Ok(directory) => directory,
            ::std::result::Result::Err(reason) => $crate::skip!("{reason}"),
        }
    };
}
