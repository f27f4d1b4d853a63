//! What the host knows: its accounts, its name, and who could have written a file.

mod account;
mod bindings;
mod directory;
mod file;
pub(crate) mod run;

pub use account::{AccountsUnavailable, Entry, Lookup, find_account, find_entry, impossible_name};
pub use bindings::{Bindings, Uid, binding_of};
pub use directory::TrustedDirectory;
pub use file::{FileFault, FileKind, read_public_file, read_trusted_file};

/// The host's name, cleaned, for authentik's log; `localhost` if the host does not know
/// it.
#[must_use]
pub fn host_name() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .map(|name| crate::text::one_line(&name, 64).replace(' ', ""))
        .filter(|name| !name.is_empty() && name.is_ascii())
        .unwrap_or_else(|| "localhost".into())
}

/// Whether this process has root's rights to files; screen lockers do not.
#[must_use]
pub fn runs_as_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Whether root itself has called the program, not a user through a set-uid bit.
#[must_use]
pub fn root_called() -> bool {
    nix::unistd::getuid().is_root()
}

/// Whether the host itself failed: it has no descriptors, memory or ports left, or its
/// own firewall forbids the connection. A local user may be able to cause each of
/// these.
#[must_use]
pub fn is_host_failure(error: &std::io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::EMFILE
                | libc::ENFILE
                | libc::ENOMEM
                | libc::ENOBUFS
                | libc::EADDRINUSE
                | libc::EADDRNOTAVAIL
                | libc::EPERM
                | libc::EACCES
        )
    )
}
