//! Which person of authentik an account of this host belongs to.
//!
//! Each account has a file with its name, which holds the `uid` of the person. authentik
//! never changes a `uid`, and gives it to nobody else. It is no secret: a screen locker,
//! which does not run as root, reads it. Only root writes.
//!
//! A second file has the account's user ID in its name. Two accounts with one user ID own the
//! same files, so they belong to the same person, and so does an account under a new name.
//!
//! A new file is written under another name first, and then linked. So a reader never
//! sees half a file, and of two first logins exactly one makes the file.

use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, openat, renameat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, linkat, unlinkat};

use super::file::unreadable;
use super::run::NEW_FILE;
use super::{FileFault, FileKind, TrustedDirectory, impossible_name};
use crate::sys::since_boot;

/// Where the host's bindings are.
const STATE: &str = "/var/lib/authentik-flow";
const BINDINGS: &str = "bindings";
/// Lockers read the files, whatever the umask of the first login was.
const DIRECTORY_MODE: u32 = 0o755;
const FILE_MODE: u32 = 0o644;
/// Longer than any `uid`: authentik's have 64 digits, or the 36 of a UUID.
const MAX_UID: usize = 128;
/// More than any of its files has.
const ROOM: u64 = 4096;

/// The `uid` of a person in authentik.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uid(String);

impl Uid {
    /// Reads a `uid`: letters, digits and `-`, and nothing that could be a line of a file.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let possible = !text.is_empty() && text.len() <= MAX_UID && text.chars().all(plain);
        possible.then(|| Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Uid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the name of the file of a user ID begins with. The name of an account does not.
const USER_ID: &str = "-uid.";

/// The name of the file for a user ID of this host, to be used as that of an account.
#[must_use]
pub fn binding_of(user_id: u32) -> String {
    format!("{USER_ID}{user_id}")
}

/// The bindings of a host.
#[derive(Debug, Clone)]
pub struct Bindings {
    state: PathBuf,
}

impl Bindings {
    /// This host's own.
    #[must_use]
    pub fn of_this_host() -> Self {
        Self::at(Path::new(STATE))
    }

    /// Those in another directory of state.
    #[must_use]
    pub fn at(state: &Path) -> Self {
        Self {
            state: state.to_owned(),
        }
    }

    /// The `uid` that `account` is bound to; `None` if it has no binding.
    ///
    /// # Errors
    /// Whatever leaves a doubt. A file or directory that exists and cannot be read,
    /// judged or understood could have named somebody else.
    pub fn find(&self, account: &str) -> Result<Option<Uid>, FileFault> {
        let Some(directory) = self.existing()? else {
            return Ok(None);
        };
        find_in(&directory, account)
    }

    /// The accounts that are bound, sorted.
    ///
    /// # Errors
    /// As [`Bindings::find`].
    pub fn accounts(&self) -> Result<Vec<String>, FileFault> {
        let Some(directory) = self.existing()? else {
            return Ok(Vec::new());
        };
        let mut names = directory.all_names()?;
        names.retain(|name| impossible_name(name.as_bytes()).is_none());
        Ok(names)
    }

    /// The names of the files of user IDs.
    ///
    /// # Errors
    /// As [`Bindings::find`].
    pub fn user_ids(&self) -> Result<Vec<String>, FileFault> {
        let Some(directory) = self.existing()? else {
            return Ok(Vec::new());
        };
        let mut names = directory.all_names()?;
        names.retain(|name| name.starts_with(USER_ID));
        Ok(names)
    }

    /// Binds `account` to `uid`, unless it has a binding. Returns the `uid` that it is
    /// bound to now: two calls at the same time return the same one.
    ///
    /// # Errors
    /// As [`Bindings::find`], and what keeps the file from being written. Then nothing
    /// is bound.
    pub fn add(&self, account: &str, uid: &Uid) -> Result<Uid, FileFault> {
        let directory = self.to_write()?;
        let new = NewFile::write(&directory, uid)?;
        let file = directory.file();
        match linkat(file, new.name.as_str(), file, account, AtFlags::empty()) {
            Ok(()) => {
                drop(new);
                file.sync_all().map_err(not_written)?;
                Ok(uid.clone())
            }
            Err(Errno::EEXIST) => {
                find_in(&directory, account)?.ok_or_else(|| not_written(Errno::EAGAIN.into()))
            }
            Err(error) => Err(not_written(error.into())),
        }
    }

    /// Binds `account` to `uid`, and replaces an earlier binding.
    ///
    /// # Errors
    /// As [`Bindings::add`].
    pub fn replace(&self, account: &str, uid: &Uid) -> Result<(), FileFault> {
        let directory = self.to_write()?;
        let new = NewFile::write(&directory, uid)?;
        let file = directory.file();
        renameat(file, new.name.as_str(), file, account)
            .map_err(|error| not_written(error.into()))?;
        file.sync_all().map_err(not_written)
    }

    /// Removes the binding of `account`, and those of the person's user IDs if no other
    /// account is bound to them. Gives whether there was one.
    ///
    /// # Errors
    /// What keeps it from being removed.
    pub fn remove(&self, account: &str) -> Result<bool, FileFault> {
        let Some(directory) = self.existing()? else {
            return Ok(false);
        };
        let file = directory.file();
        let former = find_in(&directory, account);
        if !remove_in(file, account)? {
            return Ok(false);
        }
        if let Ok(Some(former)) = former {
            let mut names = directory.all_names()?;
            names.retain(|name| find_in(&directory, name).ok().flatten().as_ref() == Some(&former));
            if names.iter().all(|name| name.starts_with(USER_ID)) {
                for name in names {
                    remove_in(file, &name)?;
                }
            }
        }
        file.sync_all().map(|()| true).map_err(not_written)
    }

    /// The directory of the files, if it exists.
    fn existing(&self) -> Result<Option<TrustedDirectory>, FileFault> {
        match TrustedDirectory::open(&self.state)? {
            Some(state) => state.within(BINDINGS),
            None => Ok(None),
        }
    }

    /// The directory of the files, made if it does not exist.
    fn to_write(&self) -> Result<TrustedDirectory, FileFault> {
        if !crate::sys::may_write(ROOM) {
            return Err(FileFault::NotWritten("RLIMIT_FSIZE is too small".into()));
        }
        let made = mkdirat(nix::fcntl::AT_FDCWD, &self.state, Mode::S_IRWXU);
        let state = after_making(made, TrustedDirectory::open(&self.state)?)?;
        let made = mkdirat(state.file(), BINDINGS, Mode::S_IRWXU);
        after_making(made, state.within(BINDINGS)?)
    }
}

/// Lets everybody read a directory that was opened after `made`.
fn after_making(
    made: nix::Result<()>,
    opened: Option<TrustedDirectory>,
) -> Result<TrustedDirectory, FileFault> {
    let directory = match (made, opened) {
        (Ok(()) | Err(Errno::EEXIST), Some(directory)) => directory,
        (Err(error), _) => return Err(not_written(error.into())),
        (Ok(()), None) => return Err(not_written(Errno::ENOENT.into())),
    };
    let file = directory.file();
    let mode = file.metadata().map_err(unreadable)?.mode() & 0o7777;
    if mode & DIRECTORY_MODE != DIRECTORY_MODE {
        file.set_permissions(Permissions::from_mode(mode | DIRECTORY_MODE))
            .map_err(not_written)?;
    }
    Ok(directory)
}

fn remove_in(directory: &File, name: &str) -> Result<bool, FileFault> {
    match unlinkat(directory, name, UnlinkatFlags::NoRemoveDir) {
        Ok(()) => Ok(true),
        Err(Errno::ENOENT) => Ok(false),
        Err(error) => Err(not_written(error.into())),
    }
}

fn find_in(directory: &TrustedDirectory, account: &str) -> Result<Option<Uid>, FileFault> {
    let Some(bytes) = directory.find(account, FileKind::Note)? else {
        return Ok(None);
    };
    std::str::from_utf8(&bytes)
        .ok()
        .and_then(|text| text.strip_suffix('\n'))
        .and_then(Uid::parse)
        .map(Some)
        .ok_or(FileFault::NotUnderstood)
}

/// A file under a name that no account can have, removed when this is dropped.
struct NewFile<'a> {
    directory: &'a TrustedDirectory,
    name: String,
}

impl<'a> NewFile<'a> {
    fn write(directory: &'a TrustedDirectory, uid: &Uid) -> Result<Self, FileFault> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let now = since_boot().unwrap_or_default().as_nanos();
        // The name of an account does not begin with this sign.
        let name = format!("-{}.{now}.{count}", nix::unistd::getpid());
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        let descriptor = openat(directory.file(), name.as_str(), NEW_FILE, mode)
            .map_err(|error| not_written(error.into()))?;
        let new = Self { directory, name };
        let mut file = File::from(descriptor);
        file.write_all(format!("{uid}\n").as_bytes())
            .and_then(|()| file.set_permissions(Permissions::from_mode(FILE_MODE)))
            // Only a file that outlives a power cut is a binding.
            .and_then(|()| file.sync_all())
            .map_err(not_written)?;
        Ok(new)
    }
}

impl Drop for NewFile<'_> {
    fn drop(&mut self) {
        // After `replace` no file has this name.
        let _ = unlinkat(
            self.directory.file(),
            self.name.as_str(),
            UnlinkatFlags::NoRemoveDir,
        );
    }
}

fn not_written(error: std::io::Error) -> FileFault {
    FileFault::NotWritten(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(text: &str) -> Uid {
        Uid::parse(text).unwrap()
    }

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().mode() & 0o7777
    }

    #[test]
    fn only_a_plain_word_is_a_uid() {
        for text in [
            "7ad41982-7537-4050-82f8-181b5c2436ba",
            "cc65c4",
            &"a".repeat(128),
        ] {
            assert!(Uid::parse(text).is_some(), "{text}");
        }
        for text in ["", " ", "a b", "a\n", "../a", "ä", "a\0", &"a".repeat(129)] {
            assert!(Uid::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn the_first_person_stays() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let bindings = Bindings::at(&state);
        assert_eq!(bindings.find("alice"), Ok(None));
        assert_eq!(bindings.add("alice", &uid("one")), Ok(uid("one")));
        assert_eq!(bindings.add("alice", &uid("two")), Ok(uid("one")));
        assert_eq!(bindings.find("alice"), Ok(Some(uid("one"))));
        assert_eq!(bindings.find("bob"), Ok(None));
        assert_eq!(bindings.replace("alice", &uid("two")), Ok(()));
        assert_eq!(bindings.find("alice"), Ok(Some(uid("two"))));
        assert_eq!(bindings.accounts().unwrap(), ["alice"]);
        assert_eq!(bindings.remove("alice"), Ok(true));
        assert_eq!(bindings.remove("alice"), Ok(false));
        assert_eq!(bindings.find("alice"), Ok(None));
        let left = std::fs::read_dir(state.join(BINDINGS)).unwrap().count();
        assert_eq!(left, 0, "a temporary file is left over");
    }

    #[test]
    fn a_user_id_stays_with_the_last_account_of_its_person() {
        let dir = tempfile::tempdir().unwrap();
        let bindings = Bindings::at(dir.path());
        for (file, person) in [
            ("alice", "one"),
            ("alice2", "one"),
            ("bob", "two"),
            (&binding_of(2001), "one"),
            (&binding_of(2002), "two"),
        ] {
            assert_eq!(bindings.add(file, &uid(person)), Ok(uid(person)));
        }
        assert_eq!(bindings.accounts().unwrap(), ["alice", "alice2", "bob"]);
        assert_eq!(bindings.add(&binding_of(2001), &uid("two")), Ok(uid("one")));
        assert_eq!(bindings.remove("alice"), Ok(true));
        assert_eq!(bindings.find(&binding_of(2001)), Ok(Some(uid("one"))));
        assert_eq!(bindings.remove("alice2"), Ok(true));
        assert_eq!(bindings.find(&binding_of(2001)), Ok(None));
        assert_eq!(bindings.find(&binding_of(2002)), Ok(Some(uid("two"))));
    }

    #[test]
    fn everybody_may_read_and_only_the_owner_writes() {
        let dir = tempfile::tempdir().unwrap();
        // As `enable` makes it.
        let state = dir.path().join("state");
        std::fs::create_dir(&state).unwrap();
        std::fs::set_permissions(&state, Permissions::from_mode(0o700)).unwrap();
        let bindings = Bindings::at(&state);
        bindings.add("alice", &uid("one")).unwrap();
        assert_eq!(mode(&state), 0o755);
        assert_eq!(mode(&state.join(BINDINGS)), 0o755);
        assert_eq!(mode(&state.join(BINDINGS).join("alice")), 0o644);
    }

    #[test]
    fn an_unclear_file_does_not_count_as_missing() {
        use std::os::unix::fs::symlink;

        let dir = tempfile::tempdir().unwrap();
        let bindings = Bindings::at(dir.path());
        bindings.add("alice", &uid("one")).unwrap();
        let path = dir.path().join(BINDINGS).join("alice");
        for text in ["", "one", "one\n\n", "one\ntwo\n", "\n", "o ne\n"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(bindings.find("alice"), Err(FileFault::NotUnderstood));
            let added = bindings.add("alice", &uid("two"));
            assert_eq!(added, Err(FileFault::NotUnderstood), "{text:?}");
        }
        std::fs::write(&path, "one\n").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        let found = bindings.find("alice");
        assert_eq!(found, Err(FileFault::WritableByOthers { mode: 0o666 }));
        std::fs::remove_file(&path).unwrap();
        symlink("/nonexistent", &path).unwrap();
        assert!(matches!(
            bindings.find("alice"),
            Err(FileFault::Unreadable(_))
        ));
        assert!(bindings.add("alice", &uid("two")).is_err());
        std::fs::set_permissions(dir.path(), Permissions::from_mode(0o777)).unwrap();
        let found = bindings.find("bob");
        assert_eq!(found, Err(FileFault::WritableByOthers { mode: 0o777 }));
        assert!(bindings.add("bob", &uid("two")).is_err());
    }

    /// Every thread names another person; all of them are told the same one.
    #[test]
    #[allow(clippy::disallowed_methods, reason = "several who race, in a test")]
    fn one_of_several_first_logins_makes_the_binding() {
        for _ in 0..20 {
            let dir = tempfile::tempdir().unwrap();
            let bindings = Bindings::at(&dir.path().join("state"));
            let gate = std::sync::Barrier::new(8);
            let told: Vec<Uid> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8)
                    .map(|number| {
                        let (bindings, gate) = (&bindings, &gate);
                        scope.spawn(move || {
                            gate.wait();
                            bindings.add("alice", &uid(&format!("p{number}"))).unwrap()
                        })
                    })
                    .collect();
                threads.into_iter().map(|t| t.join().unwrap()).collect()
            });
            assert!(told.iter().all(|uid| *uid == told[0]), "{told:?}");
            assert_eq!(bindings.find("alice").unwrap().as_ref(), told.first());
        }
    }
}
