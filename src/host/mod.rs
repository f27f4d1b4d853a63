//! What the host knows: its accounts, its name, and who could have written a file.

mod account;
mod directory;
mod file;

pub use account::{AccountsUnavailable, Entry, Lookup, find_account, find_entry, impossible_name};
pub use directory::TrustedDirectory;
pub use file::{FileFault, FileKind, read_public_file, read_trusted_file};

/// The host's name, cleaned, for the log of authentik; `localhost` where the
/// host does not know it.
#[must_use]
pub fn host_name() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .map(|name| crate::text::one_line(&name, 64).replace(' ', ""))
        .filter(|name| !name.is_empty() && name.is_ascii())
        .unwrap_or_else(|| "localhost".into())
}

/// Whether this process has root's rights over files, which screen lockers lack.
#[must_use]
pub fn runs_as_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Whether root itself has called the program, and nobody by way of a set-uid bit.
#[must_use]
pub fn root_called() -> bool {
    nix::unistd::getuid().is_root()
}

/// Whether the host itself is in the way: it has run out of descriptors, memory
/// or ports, or a filter of its own forbids the connection. Each of these a
/// local user may be able to bring about.
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
