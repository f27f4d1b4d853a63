//! The account database of the host, asked through NSS (`getpwnam_r`).

/// What the account database says about a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// An account of exactly this name.
    Account {
        /// Its numeric user id.
        uid: u32,
    },
    /// An account of another name. Databases may match names loosely (case, aliases,
    /// domains), and a user with two names could log in as somebody else.
    OtherSpelling,
    /// Nobody.
    Unknown,
}

/// An entry of the account database. Two are the same only if all of it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name in the database's own entry.
    pub name: String,
    /// The numeric user id.
    pub uid: u32,
    gid: u32,
    home: std::path::PathBuf,
    shell: std::path::PathBuf,
}

/// The account database itself failed, which does not mean "unknown".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the account database did not answer: {0}")]
pub struct AccountsUnavailable(String);

/// Looks a name up.
///
/// # Errors
/// [`AccountsUnavailable`] when the database itself fails.
pub fn find_account(name: &str) -> Result<Lookup, AccountsUnavailable> {
    Ok(match find_entry(name)? {
        Some(entry) if entry.name == name => Lookup::Account { uid: entry.uid },
        Some(_) => Lookup::OtherSpelling,
        None => Lookup::Unknown,
    })
}

/// The entry that the database gives for a name, even if the entry has another name;
/// `None` if there is none.
///
/// # Errors
/// [`AccountsUnavailable`] when the database itself fails.
pub fn find_entry(name: &str) -> Result<Option<Entry>, AccountsUnavailable> {
    match nix::unistd::User::from_name(name) {
        Ok(found) => Ok(found.map(|user| Entry {
            name: user.name,
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            home: user.dir,
            shell: user.shell,
        })),
        Err(errno) => Err(AccountsUnavailable(errno.to_string())),
    }
}

/// Why no account can have this name, if so.
///
/// Names are compared byte by byte, and go to authentik, into the log and through NSS.
/// So only plain ASCII is accepted: no look-alikes, no control characters, nothing that
/// is a path or a field separator somewhere.
#[must_use]
pub fn impossible_name(name: &[u8]) -> Option<&'static str> {
    // LOGIN_NAME_MAX of Linux is 256, the NUL included.
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > 255 {
        Some("it is longer than 255 bytes")
    } else if !name.is_ascii() {
        Some("it is not ASCII")
    } else if name.iter().any(|byte| !byte.is_ascii_graphic()) {
        Some("it holds blanks or control characters")
    } else if name.iter().any(|byte| b":/".contains(byte)) {
        Some("it holds : or /")
    } else if name.starts_with(b"-") || name == b"." || name == b".." {
        Some("it begins with - or is . or ..")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_real_accounts_are_possible() {
        for name in [
            "alice",
            "a.b-c_d",
            "host$",
            "alice@example.com",
            "A1",
            "CORP\\alice",
        ] {
            assert_eq!(impossible_name(name.as_bytes()), None, "{name}");
        }
        for name in [
            "", "a b", "a\n", "a:b", "../etc", "a/b", "älice", "аlice", "a\u{0}b", "-rf", ".",
        ] {
            assert!(impossible_name(name.as_bytes()).is_some(), "{name:?}");
        }
        assert!(impossible_name(&b"a".repeat(256)).is_some());
        assert!(impossible_name(b"a\xff").is_some());
    }

    #[test]
    fn root_is_found_and_nonsense_is_not() {
        assert_eq!(find_account("root").unwrap(), Lookup::Account { uid: 0 });
        assert_eq!(
            find_account("no-such-account-here").unwrap(),
            Lookup::Unknown
        );
    }
}
