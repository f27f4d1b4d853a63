//! The module under test.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A PAM module's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    path: PathBuf,
}

impl Module {
    /// This workspace's module, release build.
    ///
    /// # Panics
    ///
    /// When [`Module::find`] finds none. The message says why.
    #[track_caller]
    pub fn built() -> Module {
        Module::find().unwrap_or_else(|why| panic!("{why}"))
    }

    /// This workspace's module: the file that `PAM_AUTHENTIK_FLOW_SO` names, or
    /// `release/libpam_authentik_flow.so` in the target directory. The latter must be newer
    /// than its sources, so that nobody tests an old module.
    pub fn find() -> Result<Module, String> {
        if let Some(path) = std::env::var_os("PAM_AUTHENTIK_FLOW_SO") {
            let path = PathBuf::from(path);
            if !path.is_file() {
                return Err(format!(
                    "PAM_AUTHENTIK_FLOW_SO names {}, which is no file",
                    path.display()
                ));
            }
            return absolute(&path).map(|path| Module { path });
        }
        let root = workspace();
        let target = crate::skip::target_directory().unwrap_or_else(|| root.join("target"));
        let path = target.join("release/libpam_authentik_flow.so");
        fresh(&path, &root)?;
        absolute(&path).map(|path| Module { path })
    }

    /// The build with the feature `test-panic`, which panics for the user `panic`. `make test`
    /// puts it beside the release build.
    ///
    /// # Panics
    ///
    /// When it is missing.
    #[track_caller]
    pub fn panicking() -> Module {
        let target = crate::skip::target_directory().unwrap_or_else(|| workspace().join("target"));
        let path = target.join("test-panic/libpam_authentik_flow.so");
        match absolute(&path) {
            Ok(path) => Module { path },
            Err(why) => panic!("{why}: `make test` builds it"),
        }
    }

    /// The module at this path.
    pub fn at(path: impl Into<PathBuf>) -> Module {
        Module { path: path.into() }
    }

    /// A module of the system, by its file name: `pam_unix.so`.
    pub fn system(name: &str) -> Module {
        Module {
            path: PathBuf::from(name),
        }
    }

    /// Its path, or its bare name for a module of the system.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The workspace's directory.
pub(crate) fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

fn absolute(path: &Path) -> Result<PathBuf, String> {
    path.canonicalize()
        .map_err(|e| format!("{}: {e}", path.display()))
}

/// The command `authentik-flow`, debug build, as `make test` builds it, or the file that
/// `AUTHENTIK_FLOW` names.
///
/// # Panics
///
/// When it is missing, or older than its sources.
#[track_caller]
pub fn command() -> PathBuf {
    if let Some(path) = std::env::var_os("AUTHENTIK_FLOW") {
        return PathBuf::from(path);
    }
    let root = workspace();
    let target = crate::skip::target_directory().unwrap_or_else(|| root.join("target"));
    let path = target.join("debug/authentik-flow");
    if let Err(why) = fresh(&path, &root) {
        panic!("{why}: cargo build --features cli --bin authentik-flow, or `make test`");
    }
    path
}

/// Refuses a module that is missing, or older than its sources.
fn fresh(module: &Path, root: &Path) -> Result<(), String> {
    let Some(built) = modified(module) else {
        return Err(format!(
            "{} is not there: build it with `make module`",
            module.display()
        ));
    };
    let mut sources: Vec<_> = ["Cargo.toml", "Cargo.lock", "build.rs"]
        .into_iter()
        .map(|name| root.join(name))
        .collect();
    collect(&root.join("src"), &mut sources);
    match sources
        .iter()
        .find(|source| modified(source).is_some_and(|time| time > built))
    {
        None => Ok(()),
        Some(source) => Err(format!(
            "{} is older than {}: build it again with `make module`",
            module.display(),
            source.display()
        )),
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|m| m.modified()).ok()
}

/// All files below a directory. A file that cannot be read is ignored.
fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => collect(&entry.path(), files),
            _ => files.push(entry.path()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_module_must_be_there_and_newer_than_its_sources() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        fs::create_dir_all(root.join("src/pam")).unwrap();
        fs::write(root.join("src/pam/ffi.rs"), "").unwrap();
        fs::write(root.join("Cargo.toml"), "").unwrap();
        let module = root.join("module.so");
        assert!(fresh(&module, root).unwrap_err().contains("make module"));

        let file = fs::File::create(&module).unwrap();
        let now = SystemTime::now();
        file.set_modified(now + Duration::from_secs(1)).unwrap();
        assert_eq!(fresh(&module, root), Ok(()));

        let source = fs::File::options()
            .append(true)
            .open(root.join("src/pam/ffi.rs"))
            .unwrap();
        source.set_modified(now + Duration::from_secs(2)).unwrap();
        let why = fresh(&module, root).unwrap_err();
        assert!(
            why.contains("older than") && why.contains("ffi.rs"),
            "{why}"
        );
    }
}
